//! The answers of `git upload-pack`, taken apart without any input or output: packets of a length and so many bytes, and in
//! them a list of references or a pack. Who sent them is not trusted: nothing is kept that has no bound.

use ccells_core::ids::Commit;

/// Longest packet, length included.
const PACKET_BYTES: usize = 65_520;
/// Bytes of a length: four hexadecimal digits.
const LENGTH_BYTES: usize = 4;
/// Longest text of the other side that is kept.
const WORDS: usize = 1_000;

/// The other side does not keep to the protocol, or tells of a failure: in words.
pub(super) type Trouble = String;

/// One packet.
#[derive(Debug, PartialEq, Eq)]
enum Packet<'a> {
    /// The end of a part.
    Flush,
    /// Its bytes, as few as there may be.
    Line(&'a [u8]),
}

/// Bytes on their way to become packets.
#[derive(Debug, Default)]
struct Packets {
    held: Vec<u8>,
    begun: usize,
}

impl Packets {
    /// Takes in what came. All that was whole has been taken out before, so that less than a packet is held.
    fn push(&mut self, bytes: &[u8]) {
        self.held.drain(..self.begun);
        self.begun = 0;
        self.held.extend_from_slice(bytes);
    }

    /// The next packet that is whole.
    fn next(&mut self) -> Result<Option<Packet<'_>>, Trouble> {
        let rest = &self.held[self.begun..];
        let Some(digits) = rest.get(..LENGTH_BYTES) else { return Ok(None) };
        let is_number = digits.iter().all(u8::is_ascii_hexdigit);
        let number = std::str::from_utf8(digits).ok().filter(|_| is_number);
        let length = number.and_then(|number| usize::from_str_radix(number, 16).ok());
        match length {
            Some(0) => {
                self.begun += LENGTH_BYTES;
                Ok(Some(Packet::Flush))
            }
            Some(length @ LENGTH_BYTES..=PACKET_BYTES) => {
                let Some(line) = rest.get(LENGTH_BYTES..length) else { return Ok(None) };
                self.begun += length;
                Ok(Some(Packet::Line(line)))
            }
            // Most likely words of whoever speaks in git's place.
            _ => Err(format!("it sent something that is not of git's protocol: {}", text(rest))),
        }
    }

    /// Whether a packet is half there.
    fn is_cut(&self) -> bool {
        self.begun < self.held.len()
    }
}

/// What the other side says of itself when it gives up.
fn told(line: &[u8]) -> Option<Trouble> {
    line.strip_prefix(b"ERR ").map(|words| format!("it says: {}", text(words)))
}

fn text(words: &[u8]) -> String {
    String::from_utf8_lossy(&words[..words.len().min(WORDS)]).trim().to_owned()
}

/// A list of references on its way, of which only the first counts: HEAD.
#[derive(Debug, Default)]
pub(super) struct Advertisement {
    packets: Packets,
    head: Option<Commit>,
    is_over: bool,
}

impl Advertisement {
    /// Takes in what came.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        self.packets.push(bytes);
        while let Some(packet) = self.packets.next()? {
            match packet {
                Packet::Flush => self.is_over = true,
                Packet::Line(line) => {
                    if let Some(trouble) = told(line) {
                        return Err(trouble);
                    }
                    if self.head.is_none() && !self.is_over {
                        self.head = Some(head(line)?);
                    }
                }
            }
        }
        Ok(())
    }

    /// What is checked out, once all has come.
    pub(super) fn end(self) -> Result<Commit, Trouble> {
        if !self.is_over || self.packets.is_cut() {
            return Err("its answer was cut short".to_owned());
        }
        self.head.ok_or_else(nothing)
    }
}

fn nothing() -> Trouble {
    "nothing is checked out there".to_owned()
}

/// The first line of the list: `<object> HEAD`, and behind a zero byte what the other side can do.
fn head(line: &[u8]) -> Result<Commit, Trouble> {
    let named = line.split(|byte| *byte == 0).next().unwrap_or_default();
    let named = std::str::from_utf8(named).ok().and_then(|text| text.trim_end().split_once(' '));
    match named {
        Some((object, "HEAD")) => {
            Commit::parse(object).map_err(|_| "what is checked out there is no commit".to_owned())
        }
        // The list begins with another name where HEAD names nothing.
        _ => Err(nothing()),
    }
}

/// What is asked for: all of `head` that none of `have` has.
pub(super) fn request(head: &Commit, have: &[Commit]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut line =
        |text: String| bytes.extend(format!("{:04x}{text}", text.len() + LENGTH_BYTES).into_bytes());
    // Of the two kinds of names, this one is not meant unless it is said.
    let format = if head.as_str().len() == 64 { " object-format=sha256" } else { "" };
    line(format!("want {head} side-band-64k thin-pack ofs-delta no-progress{format}\n"));
    bytes.extend(b"0000");
    let mut line =
        |text: String| bytes.extend(format!("{:04x}{text}", text.len() + LENGTH_BYTES).into_bytes());
    for commit in have {
        line(format!("have {commit}\n"));
    }
    line("done\n".to_owned());
    bytes
}

/// Whether this says that a commit is known on both sides, or that none is.
fn is_answer(line: &[u8]) -> bool {
    line.starts_with(b"ACK ") || line.trim_ascii_end() == b"NAK"
}

/// A pack on its way: first a line of whether anything is known on both sides, then packets of the pack, of words on how
/// far it is, and of complaints, each with a byte that says which.
#[derive(Debug, Default)]
pub(super) struct PackReply {
    packets: Packets,
    is_answered: bool,
    is_over: bool,
}

impl PackReply {
    /// Takes in what came, and gives what is of the pack to `keep`.
    pub(super) fn push(&mut self, bytes: &[u8], mut keep: impl FnMut(&[u8])) -> Result<(), Trouble> {
        self.packets.push(bytes);
        while let Some(packet) = self.packets.next()? {
            if self.is_over {
                return Err("it goes on behind its end".to_owned());
            }
            match packet {
                Packet::Flush if self.is_answered => self.is_over = true,
                Packet::Flush => return Err("it ends before it began".to_owned()),
                // Nothing that names a band is a letter: what is known on both sides may be said more than once.
                Packet::Line(line) if is_answer(line) => self.is_answered = true,
                Packet::Line([1, pack @ ..]) if self.is_answered => keep(pack),
                Packet::Line([2, ..]) if self.is_answered => {}
                Packet::Line([3, words @ ..]) => return Err(format!("it says: {}", text(words))),
                Packet::Line(line) => {
                    let trouble = told(line);
                    return Err(trouble.unwrap_or_else(|| "it sent bytes of no kind".to_owned()));
                }
            }
        }
        Ok(())
    }

    /// Whether all has come.
    pub(super) fn end(self) -> Result<(), Trouble> {
        if self.is_over && !self.packets.is_cut() { Ok(()) } else { Err("its pack was cut short".to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONE: &str = "0123456789012345678901234567890123456789";

    fn packet(bytes: &[u8]) -> Vec<u8> {
        let mut packet = format!("{:04x}", bytes.len() + 4).into_bytes();
        packet.extend(bytes);
        packet
    }

    fn all(packets: &[&[u8]]) -> Vec<u8> {
        packets.iter().flat_map(|it| if it.is_empty() { b"0000".to_vec() } else { packet(it) }).collect()
    }

    fn advertised(wire: &[u8], step: usize) -> Result<Commit, Trouble> {
        let mut list = Advertisement::default();
        for piece in wire.chunks(step) {
            list.push(piece)?;
        }
        list.end()
    }

    fn replied(wire: &[u8], step: usize) -> Result<Vec<u8>, Trouble> {
        let (mut reply, mut pack) = (PackReply::default(), Vec::new());
        for piece in wire.chunks(step) {
            reply.push(piece, |bytes| pack.extend_from_slice(bytes))?;
        }
        reply.end().map(|()| pack)
    }

    #[test]
    fn what_is_checked_out_is_the_first_of_the_list() {
        let first = format!("{ONE} HEAD\0multi_ack side-band-64k symref=HEAD:refs/heads/x\n");
        let other = format!("{} refs/heads/y\n", "f".repeat(40));
        let wire = all(&[first.as_bytes(), other.as_bytes(), b""]);
        for step in [1, 3, wire.len()] {
            assert_eq!(advertised(&wire, step).unwrap().as_str(), ONE);
        }
        assert!(advertised(&wire[..wire.len() - 4], 9).unwrap_err().contains("cut short"));
        let unborn = format!("{} capabilities^{{}}\0multi_ack\n", "0".repeat(40));
        assert_eq!(advertised(&all(&[unborn.as_bytes(), b""]), 9), Err(nothing()));
        assert_eq!(advertised(&all(&[other.as_bytes(), b""]), 9), Err(nothing()));
        assert_eq!(advertised(b"0000", 9), Err(nothing()));
        assert!(advertised(&all(&[b"ERR not for you\n", b""]), 9).unwrap_err().contains("not for you"));
    }

    #[test]
    fn a_pack_is_all_of_its_own_band_and_nothing_else() {
        let wire = all(&[b"ACK 01\n", b"\x01PA", b"\x02counting\r", b"\x01CK", b""]);
        for step in [1, 5, wire.len()] {
            assert_eq!(replied(&wire, step).unwrap(), b"PACK");
        }
        assert_eq!(replied(&all(&[b"NAK\n", b"\x01x", b""]), 4).unwrap(), b"x");
        assert_eq!(replied(&all(&[b"ACK 01\n", b"ACK 01\n", b"\x01x", b""]), 4).unwrap(), b"x");
        for (bad, words) in [
            (all(&[b"NAK\n", b"\x01PACK"]), "cut short"),
            (all(&[b"NAK\n", b"\x03out of memory\n", b""]), "out of memory"),
            (all(&[b"ERR no such commit", b""]), "no such commit"),
            (all(&[b"NAK\n", b"ERR at last", b""]), "at last"),
            (all(&[b"NAK\n", b"\x04?", b""]), "no kind"),
            (all(&[b"NAK\n", b"", b"\x01x"]), "behind its end"),
            (all(&[b""]), "before it began"),
            (all(&[b"\x01PACK", b""]), "no kind"),
            (b"fatal: not a git repository".to_vec(), "protocol"),
            (b"0003".to_vec(), "protocol"),
            (b"+005a".to_vec(), "protocol"),
            (b"fff1".to_vec(), "protocol"),
            (Vec::new(), "cut short"),
        ] {
            let trouble = replied(&bad, 7).unwrap_err();
            assert!(trouble.contains(words), "{trouble}");
        }
    }

    #[test]
    fn what_is_asked_for_is_said_in_packets() {
        let commit = Commit::parse(ONE).unwrap();
        let bytes = request(&commit, std::slice::from_ref(&commit));
        let text = String::from_utf8(bytes).unwrap();
        let want = format!("want {ONE} side-band-64k thin-pack ofs-delta no-progress\n");
        assert_eq!(text, format!("{:04x}{want}00000032have {ONE}\n0009done\n", want.len() + 4));
        let long = Commit::parse(&"a".repeat(64)).unwrap();
        assert!(String::from_utf8(request(&long, &[])).unwrap().contains(" object-format=sha256\n"));
    }

    proptest! {
        #[test]
        fn any_bytes_at_all_end_without_a_panic_and_without_being_kept(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            step in 1_usize..50,
        ) {
            let _ = advertised(&bytes, step);
            let kept = replied(&bytes, step).map_or(0, |pack| pack.len());
            prop_assert!(kept <= bytes.len());
        }

        #[test]
        fn however_a_pack_is_cut_it_is_the_same(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..6),
            step in 1_usize..300,
        ) {
            let mut wire = packet(b"NAK\n");
            for piece in &pieces {
                wire.extend(packet(&[&[1], &piece[..]].concat()));
            }
            wire.extend(b"0000");
            prop_assert_eq!(replied(&wire, step), Ok(pieces.concat()));
        }
    }
}
