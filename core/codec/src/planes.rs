//! Packed vectors as structure-of-arrays planes.
//!
//! A batch of n vectors is one byte buffer: n scales, then n low-bit codes, then n high-bit codes and so on.
//! A [`Layout`] says how many bytes each plane spends on a vector; views split by vector, so that threads or
//! workers encode disjoint ranges of one batch.

use super::CodecError;

/// How many bytes every plane spends on one vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    dim: usize,
    planes: Vec<Plane>,
}

/// One plane of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plane {
    /// What the plane holds: `scale`, `codes 4`, `signs` …
    pub name: &'static str,
    /// Bytes of this plane for one vector.
    pub bytes_per_vector: usize,
}

impl Layout {
    pub(crate) fn new(dim: usize) -> Self {
        Self { dim, planes: Vec::new() }
    }

    pub(crate) fn plane(mut self, name: &'static str, bytes_per_vector: usize) -> Self {
        self.planes.push(Plane { name, bytes_per_vector });
        self
    }

    pub(crate) fn extend(mut self, other: &Self) -> Self {
        self.planes.extend_from_slice(&other.planes);
        self
    }

    /// Channels of a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The planes, in storage order.
    pub fn planes(&self) -> &[Plane] {
        &self.planes
    }

    /// Bytes of one packed vector, scales included.
    pub fn bytes_per_vector(&self) -> usize {
        self.planes.iter().map(|plane| plane.bytes_per_vector).sum()
    }

    /// Stored bits per channel, scales and padding bits included.
    pub fn bits_per_channel(&self) -> f64 {
        8.0 * self.bytes_per_vector() as f64 / self.dim as f64
    }

    /// How many times smaller than the same vectors in bf16.
    pub fn ratio_to_bf16(&self) -> f64 {
        16.0 / self.bits_per_channel()
    }
}

/// A packed batch that owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    layout: Layout,
    vectors: usize,
    bytes: Vec<u8>,
}

impl Packed {
    /// Room for `vectors` packed vectors, all zero.
    pub fn zeroed(layout: &Layout, vectors: usize) -> Self {
        let bytes = vec![0; vectors * layout.bytes_per_vector()];
        Self { layout: layout.clone(), vectors, bytes }
    }

    /// A batch from stored bytes; their length must be that of `vectors` whole vectors.
    pub fn from_bytes(layout: &Layout, vectors: usize, bytes: Vec<u8>) -> Result<Self, CodecError> {
        let expected = vectors.checked_mul(layout.bytes_per_vector());
        if expected != Some(bytes.len()) {
            return Err(CodecError::Length {
                what: "packed batch",
                got: bytes.len(),
                expected: format!("{vectors} vectors of {} bytes", layout.bytes_per_vector()),
            });
        }
        Ok(Self { layout: layout.clone(), vectors, bytes })
    }

    /// The layout the batch was packed with.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How many vectors the batch holds.
    pub fn vectors(&self) -> usize {
        self.vectors
    }

    /// The packed bytes, plane after plane.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The first `vectors` vectors and the rest; `vectors` is clamped to what there is.
    #[must_use]
    pub fn split(self, vectors: usize) -> (Self, Self) {
        if vectors >= self.vectors {
            let rest = Self::zeroed(&self.layout, 0);
            return (self, rest);
        }
        let (head, tail) = self.planes().split_at(vectors);
        let copy = |view: &Planes<'_>| Self {
            layout: self.layout.clone(),
            vectors: view.vectors,
            bytes: view.parts.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect(),
        };
        (copy(&head), copy(&tail))
    }

    /// This batch followed by another of the same layout.
    #[must_use]
    pub(crate) fn joined(&self, other: &Self) -> Self {
        let mut bytes = Vec::with_capacity(self.bytes.len() + other.bytes.len());
        for ((_, first), (_, second)) in self.planes().parts.iter().zip(&other.planes().parts) {
            bytes.extend_from_slice(first);
            bytes.extend_from_slice(second);
        }
        Self { layout: self.layout.clone(), vectors: self.vectors + other.vectors, bytes }
    }

    /// A shared view of all planes.
    pub fn planes(&self) -> Planes<'_> {
        let mut rest = self.bytes.as_slice();
        let mut planes = Vec::with_capacity(self.layout.planes.len());
        for plane in &self.layout.planes {
            let (head, tail) = rest.split_at(plane.bytes_per_vector * self.vectors);
            planes.push((plane.bytes_per_vector, head));
            rest = tail;
        }
        Planes { vectors: self.vectors, step: 1, parts: planes }
    }

    /// A mutable view of all planes.
    pub fn planes_mut(&mut self) -> PlanesMut<'_> {
        let mut rest = self.bytes.as_mut_slice();
        let mut planes = Vec::with_capacity(self.layout.planes.len());
        for plane in &self.layout.planes {
            let (head, tail) = rest.split_at_mut(plane.bytes_per_vector * self.vectors);
            planes.push((plane.bytes_per_vector, head));
            rest = tail;
        }
        PlanesMut { vectors: self.vectors, planes }
    }
}

/// A shared view of consecutive packed vectors.
#[derive(Debug, Clone)]
pub struct Planes<'a> {
    vectors: usize,
    /// Stored vectors from one of the view to the next.
    step: usize,
    /// Bytes of a vector and all bytes, plane by plane.
    parts: Vec<(usize, &'a [u8])>,
}

impl<'a> Planes<'a> {
    /// How many vectors the view holds.
    pub fn vectors(&self) -> usize {
        self.vectors
    }

    /// The first `vectors` vectors and the rest; `vectors` is clamped to what there is.
    pub fn split_at(self, vectors: usize) -> (Self, Self) {
        let vectors = vectors.min(self.vectors);
        let (mut head, mut tail) = (Vec::new(), Vec::new());
        for (stride, bytes) in self.parts {
            // The last vector of a stepped view has nothing behind it.
            let (a, b) = bytes.split_at((stride * self.step * vectors).min(bytes.len()));
            head.push((stride, a));
            tail.push((stride, b));
        }
        let (step, rest) = (self.step, self.vectors - vectors);
        (Self { vectors, step, parts: head }, Self { vectors: rest, step, parts: tail })
    }

    /// The vectors `first`, `first + step`, `first + 2 step` …: one head of tokens stored head by head.
    #[must_use]
    pub fn every(self, first: usize, step: usize) -> Self {
        let step = step.max(1);
        let vectors = self.vectors.saturating_sub(first).div_ceil(step);
        let from = |(stride, bytes): (usize, &'a [u8])| {
            (stride, bytes.get(stride * self.step * first..).unwrap_or_default())
        };
        Self { vectors, step: self.step * step, parts: self.parts.into_iter().map(from).collect() }
    }

    /// The view cut into pieces of `vectors` vectors; the last may be shorter.
    pub fn chunks(self, vectors: usize) -> Vec<Self> {
        let mut rest = self;
        let mut chunks = Vec::new();
        while rest.vectors > 0 {
            let (head, tail) = rest.split_at(vectors.max(1));
            chunks.push(head);
            rest = tail;
        }
        chunks
    }

    /// The planes from `first` on, for codecs made of several.
    pub(crate) fn skip(&self, first: usize) -> Self {
        Self { vectors: self.vectors, step: self.step, parts: self.parts[first..].to_vec() }
    }

    #[inline(always)]
    pub(crate) fn row(&self, index: usize, vector: usize) -> &'a [u8] {
        let (stride, bytes) = self.parts[index];
        &bytes[vector * self.step * stride..][..stride]
    }

    pub(crate) fn check(&self, layout: &Layout) -> Result<(), CodecError> {
        let own = self.parts.iter().map(|(stride, _)| *stride);
        if own.len() >= layout.planes.len()
            && own.zip(&layout.planes).all(|(stride, plane)| stride == plane.bytes_per_vector)
        {
            return Ok(());
        }
        Err(CodecError::Length {
            what: "packed vector",
            got: self.parts.iter().map(|(stride, _)| stride).sum(),
            expected: format!("{} bytes in {} planes", layout.bytes_per_vector(), layout.planes.len()),
        })
    }
}

/// A mutable view of consecutive packed vectors.
#[derive(Debug)]
pub struct PlanesMut<'a> {
    vectors: usize,
    planes: Vec<(usize, &'a mut [u8])>,
}

impl PlanesMut<'_> {
    /// How many vectors the view holds.
    pub fn vectors(&self) -> usize {
        self.vectors
    }

    /// The first `vectors` vectors and the rest; `vectors` is clamped to what there is.
    pub fn split_at(self, vectors: usize) -> (Self, Self) {
        let vectors = vectors.min(self.vectors);
        let (mut head, mut tail) = (Vec::new(), Vec::new());
        for (stride, bytes) in self.planes {
            let (a, b) = bytes.split_at_mut(stride * vectors);
            head.push((stride, a));
            tail.push((stride, b));
        }
        (Self { vectors, planes: head }, Self { vectors: self.vectors - vectors, planes: tail })
    }

    /// The view cut into pieces of `vectors` vectors; the last may be shorter.
    pub fn chunks(self, vectors: usize) -> Vec<Self> {
        let mut rest = self;
        let mut chunks = Vec::new();
        while rest.vectors > 0 {
            let (head, tail) = rest.split_at(vectors.max(1));
            chunks.push(head);
            rest = tail;
        }
        chunks
    }

    /// A shorter borrow of the same planes, from `first` on.
    pub(crate) fn skip(&mut self, first: usize) -> PlanesMut<'_> {
        let planes = self.planes[first..].iter_mut().map(|(stride, bytes)| (*stride, &mut **bytes)).collect();
        PlanesMut { vectors: self.vectors, planes }
    }

    #[inline(always)]
    pub(crate) fn row(&mut self, index: usize, vector: usize) -> &mut [u8] {
        let (stride, bytes) = &mut self.planes[index];
        &mut bytes[vector * *stride..][..*stride]
    }

    pub(crate) fn len(&self) -> usize {
        self.planes.len()
    }

    pub(crate) fn as_shared(&self) -> Planes<'_> {
        let planes = self.planes.iter().map(|(stride, bytes)| (*stride, &**bytes)).collect();
        Planes { vectors: self.vectors, step: 1, parts: planes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        Layout::new(8).plane("scale", 2).plane("codes", 4)
    }

    #[test]
    fn bits_count_every_plane() {
        assert_eq!(layout().bytes_per_vector(), 6);
        assert!((layout().bits_per_channel() - 6.0).abs() < 1e-12);
    }

    #[test]
    fn chunks_write_the_same_bytes_as_the_whole() {
        let mut whole = Packed::zeroed(&layout(), 5);
        let mut pieces = whole.clone();
        let write = |planes: &mut PlanesMut<'_>, first: usize| {
            for vector in 0..planes.vectors() {
                planes.row(0, vector).fill(u8::try_from(first + vector).unwrap());
                planes.row(1, vector).fill(u8::try_from(100 + first + vector).unwrap());
            }
        };
        write(&mut whole.planes_mut(), 0);
        let mut first = 0;
        for mut chunk in pieces.planes_mut().chunks(2) {
            write(&mut chunk, first);
            first += chunk.vectors();
        }
        assert_eq!(whole, pieces);
        assert_eq!(whole.bytes()[..4], [0, 0, 1, 1]);
        assert_eq!(whole.planes().chunks(2)[2].row(1, 0), [104; 4]);
    }

    #[test]
    fn splitting_and_joining_are_inverse() {
        let mut whole = Packed::zeroed(&layout(), 5);
        for (at, byte) in whole.bytes.iter_mut().enumerate() {
            *byte = u8::try_from(at).unwrap();
        }
        for at in 0..7 {
            let (head, tail) = whole.clone().split(at);
            assert_eq!((head.vectors(), tail.vectors()), (at.min(5), 5 - at.min(5)));
            assert_eq!(head.joined(&tail), whole);
        }
    }

    #[test]
    fn a_stepped_view_picks_its_vectors() {
        let mut whole = Packed::zeroed(&layout(), 7);
        for vector in 0..7 {
            whole.planes_mut().row(0, vector).fill(u8::try_from(vector).unwrap());
            whole.planes_mut().row(1, vector).fill(u8::try_from(100 + vector).unwrap());
        }
        let seen = |planes: &Planes<'_>| {
            let both = |vector| (planes.row(0, vector)[1], planes.row(1, vector)[3]);
            (0..planes.vectors()).map(both).collect::<Vec<_>>()
        };
        let odd = whole.planes().every(1, 2);
        assert_eq!(seen(&odd), [(1, 101), (3, 103), (5, 105)]);
        let (head, tail) = odd.clone().split_at(2);
        assert_eq!((seen(&head), seen(&tail)), (vec![(1, 101), (3, 103)], vec![(5, 105)]));
        assert_eq!(seen(&odd.every(1, 2)), [(3, 103)]);
        assert_eq!(seen(&whole.planes().every(6, 7)), [(6, 106)]);
        assert_eq!(whole.planes().every(7, 2).vectors(), 0);
        assert_eq!(whole.planes().every(6, 4).chunks(1).len(), 1);
    }

    #[test]
    fn stored_bytes_of_the_wrong_length_are_refused() {
        assert!(Packed::from_bytes(&layout(), 2, vec![0; 12]).is_ok());
        assert!(Packed::from_bytes(&layout(), 2, vec![0; 11]).is_err());
        assert!(Packed::from_bytes(&layout(), usize::MAX, vec![0; 11]).is_err());
    }
}
