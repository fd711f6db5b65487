//! The C library's allocator told what training is like: the same large buffers again and again.

/// Keep freed buffers instead of handing each back to the system, whose fresh pages have to be cleared.
///
/// Training frees and takes buffers of a layer's size thousands of times a step; by default glibc maps each one anew.
/// Larger ones, the logits, come once a step: kept, what the next step allocates first would nest in their place and
/// they would need another.
pub(crate) fn keep_buffers() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const LARGEST: libc::c_int = 24 << 20;
        for (setting, value) in [
            (libc::M_MMAP_THRESHOLD, LARGEST),
            (libc::M_TRIM_THRESHOLD, libc::c_int::MAX),
            (libc::M_ARENA_MAX, 1),
        ] {
            #[expect(unsafe_code, reason = "mallopt takes two numbers and a refusal changes nothing")]
            // The result says whether the setting is known.
            let _ = unsafe { libc::mallopt(setting, value) };
        }
    }
}
