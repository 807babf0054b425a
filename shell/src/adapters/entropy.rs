//! Touches the world: the system's randomness, from which ids are drawn. Drawn here once, carried as data from then on.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::rand::{GetRandomFlags, getrandom};

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A fresh ULID in lower case: 48 bits of milliseconds, 80 random bits.
pub fn ulid() -> String {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ms = since_epoch.as_millis() & 0xffff_ffff_ffff;
    encode((ms << 80) | (random_bits() & ((1 << 80) - 1)))
}

/// A fresh random UUID (version 4), as agents name their conversations.
pub fn uuid() -> String {
    let bits = random_bits() & !(0xf000 << 64) & !(0xc000 << 48) | (0x4000 << 64) | (0x8000 << 48);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// A number that no other temporary file has.
pub fn nonce() -> u64 {
    u64::try_from(random_bits() >> 64).unwrap_or(0)
}

fn random_bits() -> u128 {
    let mut bytes = [0; 16];
    let mut filled = 0;
    while filled < bytes.len() {
        // The call fails only before the kernel's pool was seeded, long before anyone logs in; asked again, it waits.
        filled += getrandom(&mut bytes[filled..], GetRandomFlags::empty()).unwrap_or(0);
    }
    u128::from_le_bytes(bytes)
}

fn encode(bits: u128) -> String {
    (0..26)
        .rev()
        .map(|place| char::from(ALPHABET[usize::try_from(bits >> (place * 5) & 31).unwrap_or(0)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use ccells_core::ids::WorkstreamId;

    use super::*;

    #[test]
    fn ids_parse_and_differ() {
        let (first, second) = (ulid(), ulid());
        assert_ne!(first, second);
        assert!(WorkstreamId::parse(&first).is_ok(), "{first}");
    }

    #[test]
    fn a_uuid_says_its_version_and_variant() {
        let uuid = uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "4");
        assert!("89ab".contains(&uuid[19..20]), "{uuid}");
    }
}
