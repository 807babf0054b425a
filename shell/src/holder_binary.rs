//! The holder as a static program, carried along to be put into containers.

/// The bytes of `ccells-holder`, built for containers on this machine's architecture.
pub static HOLDER: &[u8] = include_bytes!(env!("CCELLS_HOLDER"));

#[cfg(test)]
mod tests {
    use super::HOLDER;

    /// A program that needs no loader: a 64-bit ELF file without the header that names one.
    #[test]
    fn the_holder_is_a_static_program() {
        const PT_INTERP: u32 = 3;
        let half = |at: usize| u16::from_le_bytes([HOLDER[at], HOLDER[at + 1]]);
        assert!(HOLDER.starts_with(b"\x7fELF\x02\x01"));
        let table =
            usize::try_from(u64::from_le_bytes(HOLDER[32..40].try_into().expect("8 bytes"))).expect("small");
        let (entry, count) = (usize::from(half(54)), usize::from(half(56)));
        assert!(count > 0);
        for header in HOLDER[table..table + entry * count].chunks(entry) {
            let kind = u32::from_le_bytes(header[..4].try_into().expect("4 bytes"));
            assert_ne!(kind, PT_INTERP);
        }
    }
}
