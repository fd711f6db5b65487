//! Codes of 1 to 8 bits in byte planes.
//!
//! A width is the sum of planes of 8, 4, 2 and 1 bits, the low bits of a code in the widest plane, so that no
//! code crosses a byte. In a plane of w bits with n bytes, byte j holds channels j, j + n, j + 2n … from its
//! low bits up: unpacking is shifts and masks on whole registers.

/// The widths of the planes that hold codes of `bits` bits, low bits first.
pub fn plane_widths(bits: u32) -> impl Iterator<Item = u32> {
    [8, 4, 2, 1].into_iter().filter(move |width| bits & width != 0)
}

/// Bytes that `dim` channels take in a plane of `width` bits.
pub fn plane_bytes(dim: usize, width: u32) -> usize {
    (dim * width as usize).div_ceil(8)
}

/// The name of a plane of `width` bits.
pub(crate) fn plane_name(width: u32) -> &'static str {
    match width {
        8 => "codes 8",
        4 => "codes 4",
        2 => "codes 2",
        _ => "codes 1",
    }
}

/// Writes bits `shift .. shift + width` of every code into a plane of `plane_bytes(codes.len(), width)` bytes.
#[inline(always)]
pub(crate) fn pack_plane(codes: &[u8], shift: u32, width: u32, out: &mut [u8]) {
    match width {
        8 => out.copy_from_slice(codes),
        4 => pack::<4, 2>(codes, shift, out),
        2 => pack::<2, 4>(codes, shift, out),
        _ => pack::<1, 8>(codes, shift, out),
    }
}

/// Adds the bits of a plane to codes at `shift`; codes must hold zeros there.
#[inline(always)]
pub(crate) fn unpack_plane(plane: &[u8], shift: u32, width: u32, codes: &mut [u8]) {
    match width {
        8 => codes.copy_from_slice(plane),
        4 => unpack::<4, 2>(plane, shift, codes),
        2 => unpack::<2, 4>(plane, shift, codes),
        _ => unpack::<1, 8>(plane, shift, codes),
    }
}

#[inline(always)]
fn pack<const WIDTH: u32, const PER_BYTE: usize>(codes: &[u8], shift: u32, out: &mut [u8]) {
    let mask = (1_u8 << WIDTH) - 1;
    let bytes = out.len();
    if codes.len() == bytes * PER_BYTE {
        let (first, rest) = codes.split_at(bytes);
        for (byte, code) in out.iter_mut().zip(first) {
            *byte = (code >> shift) & mask;
        }
        for (lane, part) in rest.chunks_exact(bytes.max(1)).enumerate() {
            let up = WIDTH * (lane as u32 + 1);
            for (byte, code) in out.iter_mut().zip(part) {
                *byte |= ((code >> shift) & mask) << up;
            }
        }
        return;
    }
    out.fill(0);
    for (lane, part) in codes.chunks(bytes.max(1)).enumerate() {
        for (byte, code) in out.iter_mut().zip(part) {
            *byte |= ((code >> shift) & mask) << (WIDTH * lane as u32);
        }
    }
}

#[inline(always)]
fn unpack<const WIDTH: u32, const PER_BYTE: usize>(plane: &[u8], shift: u32, codes: &mut [u8]) {
    let mask = (1_u8 << WIDTH) - 1;
    for (lane, part) in codes.chunks_mut(plane.len().max(1)).enumerate().take(PER_BYTE) {
        let down = WIDTH * lane as u32;
        for (code, byte) in part.iter_mut().zip(plane) {
            *code |= ((byte >> down) & mask) << shift;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Packs codes of `bits` bits into consecutive planes.
    ///
    /// The result holds `sum of plane_bytes(codes.len(), w)` bytes over the widths of [`plane_widths`].
    fn pack_codes(codes: &[u8], bits: u32) -> Vec<u8> {
        let mut out = Vec::new();
        let mut shift = 0;
        for width in plane_widths(bits) {
            let start = out.len();
            out.resize(start + plane_bytes(codes.len(), width), 0);
            pack_plane(codes, shift, width, &mut out[start..]);
            shift += width;
        }
        out
    }

    /// The inverse of [`pack_codes`] for `dim` channels; missing bytes read as zero codes.
    pub(crate) fn unpack_codes(planes: &[u8], bits: u32, dim: usize) -> Vec<u8> {
        let mut codes = vec![0; dim];
        let (mut shift, mut rest) = (0, planes);
        for width in plane_widths(bits) {
            let bytes = plane_bytes(dim, width);
            let (plane, tail) = rest.split_at(bytes.min(rest.len()));
            if plane.len() == bytes {
                unpack_plane(plane, shift, width, &mut codes);
            }
            (shift, rest) = (shift + width, tail);
        }
        codes
    }

    #[test]
    fn planes_add_up_to_the_width() {
        for bits in 1..=8 {
            assert_eq!(plane_widths(bits).sum::<u32>(), bits);
        }
        assert_eq!(plane_widths(7).collect::<Vec<_>>(), [4, 2, 1]);
    }

    #[test]
    fn nibbles_pair_a_channel_with_the_one_half_a_vector_on() {
        let codes: Vec<u8> = (0..8).collect();
        assert_eq!(pack_codes(&codes, 4), [0x40, 0x51, 0x62, 0x73]);
        assert_eq!(pack_codes(&[3, 0, 1, 2], 2), [0b10_01_00_11]);
    }

    proptest! {
        #[test]
        fn packing_round_trips(bits in 1_u32..=8, codes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mask = u8::try_from((1_u32 << bits) - 1).unwrap();
            let codes: Vec<u8> = codes.into_iter().map(|code| code & mask).collect();
            let packed = pack_codes(&codes, bits);
            let claimed: usize = plane_widths(bits).map(|width| plane_bytes(codes.len(), width)).sum();
            prop_assert_eq!(packed.len(), claimed);
            prop_assert_eq!(unpack_codes(&packed, bits, codes.len()), codes);
        }
    }
}
