//! Reads what an agent reports of itself: program status reports (OSC 7501), and the older ways to ask for attention.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ccells_core::agent::{AgentStatus, BlockedKind};
use ccells_core::limits::{MESSAGE_BYTES, STATUS_BYTES};
use ccells_core::wire::cut;

/// Base64 as programs write it, padded or not.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What an operating system command tells of an agent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It asks whether status reports are understood; the same bytes say yes.
    Query,
    /// It stands here now.
    Status(AgentStatus),
    /// A shell shows its prompt: whatever ran before runs no more.
    Prompt,
    /// It wants to be looked at.
    Attention,
    /// Something that is for us and changes nothing.
    Nothing,
}

/// Reads the payload of an operating system command; `None` when it is not about the agent.
pub(super) fn read(payload: &[u8]) -> Option<Told> {
    let (number, rest) = match payload.iter().position(|byte| *byte == b';') {
        Some(index) => (&payload[..index], &payload[index + 1..]),
        None => (payload, &[] as &[u8]),
    };
    Some(match number {
        b"7501" if rest == b"?" => Told::Query,
        b"7501" => read_report(rest).map_or(Told::Nothing, Told::Status),
        b"133" if rest.first() == Some(&b'A') => Told::Prompt,
        // Progress bars share the number of a notification.
        b"9" if rest.starts_with(b"4;") || rest == b"4" => Told::Nothing,
        b"9" => Told::Attention,
        b"777" if rest.starts_with(b"notify;") => Told::Attention,
        // A notification comes in parts: the one with the title or the first counts; a query is none.
        b"99" if is_notification(rest) => Told::Attention,
        b"7" | b"99" | b"133" | b"777" | b"1337" => Told::Nothing,
        _ => return None,
    })
}

/// Whether a command that tells nothing of the agent may still be a notification, or a part of one.
pub(super) fn may_notify(payload: &[u8]) -> bool {
    let is_progress = payload.starts_with(b"9;4;") || payload == b"9;4";
    let is_kind = [&b"9;"[..], b"99;", b"777;notify;"].iter().any(|kind| payload.starts_with(kind));
    let is_question = payload.strip_prefix(b"99;").is_some_and(|rest| keys(rest).any(|key| key == b"p=?"));
    is_kind && !is_progress && !is_question
}

/// The `key=value` pairs of a notification in kitty's form.
fn keys(rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    rest.split(|byte| *byte == b';').next().unwrap_or_default().split(|byte| *byte == b':')
}

fn is_notification(rest: &[u8]) -> bool {
    let has = |wanted: &[u8]| keys(rest).any(|key| key == wanted);
    !has(b"p=?") && !has(b"d=0")
}

/// One report, `key=value` pairs between colons. A part of an agent (an id with a slash) does not speak for it.
fn read_report(report: &[u8]) -> Option<AgentStatus> {
    let report = std::str::from_utf8(report).ok().filter(|report| report.len() <= STATUS_BYTES)?;
    let value = |wanted: &str| {
        report
            .split(':')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == wanted)
            .map(|(_, value)| value)
    };
    if value("id").is_some_and(|id| id.contains('/')) {
        return None;
    }
    let message = || value("msg").map(read_message).unwrap_or_default();
    Some(match value("state")? {
        "idle" => AgentStatus::Idle,
        "working" => AgentStatus::Working,
        "blocked" => {
            let kind = value("kind").map_or(BlockedKind::Other, BlockedKind::parse);
            AgentStatus::Blocked { kind, message: message() }
        }
        "done" => AgentStatus::Done,
        "error" => AgentStatus::Error { message: message() },
        "clear" => AgentStatus::Unknown,
        _ => return None,
    })
}

fn read_message(encoded: &str) -> String {
    let bytes = BASE64.decode(encoded).unwrap_or_default();
    let printable: String = String::from_utf8_lossy(&bytes).chars().filter(|c| !c.is_control()).collect();
    cut(&printable, MESSAGE_BYTES / 2).to_owned()
}

/// The report that says `status`; `None` for one that says nothing.
pub(super) fn write(status: &AgentStatus) -> Option<String> {
    let report = match status {
        AgentStatus::Unknown => return None,
        AgentStatus::Idle => "state=idle".to_owned(),
        AgentStatus::Working => "state=working".to_owned(),
        AgentStatus::Blocked { kind, message } => {
            format!("state=blocked:kind={kind}:msg={}", BASE64.encode(message))
        }
        AgentStatus::Done => "state=done".to_owned(),
        AgentStatus::Error { message } => format!("state=error:msg={}", BASE64.encode(message)),
    };
    Some(format!("\x1b]7501;{report}\x1b\\"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(report: &str) -> Option<AgentStatus> {
        match read(format!("7501;{report}").as_bytes()) {
            Some(Told::Status(status)) => Some(status),
            Some(Told::Query | Told::Prompt | Told::Attention | Told::Nothing) | None => None,
        }
    }

    #[test]
    fn reports_are_read() {
        assert_eq!(read(b"7501;?"), Some(Told::Query));
        assert_eq!(status("state=working:app=claude-code"), Some(AgentStatus::Working));
        let message = "approve Bash: mkdir x".to_owned();
        let blocked = AgentStatus::Blocked { kind: BlockedKind::Permission, message };
        assert_eq!(
            status("state=blocked:kind=permission:msg=YXBwcm92ZSBCYXNoOiBta2RpciB4:new=1"),
            Some(blocked)
        );
        assert_eq!(status("state=clear"), Some(AgentStatus::Unknown));
        for nothing in ["", "state=", "state=flying", "id=a/b:state=working", "state", "\u{1b}"] {
            assert_eq!(status(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn messages_are_untrusted() {
        let hostile = BASE64.encode("\x1b]0;x\x07evil\n");
        let text = "]0;xevil".to_owned();
        assert_eq!(status(&format!("state=error:msg={hostile}")), Some(AgentStatus::Error { message: text }));
        assert_eq!(status("state=error:msg=%%%"), Some(AgentStatus::Error { message: String::new() }));
    }

    #[test]
    fn attention_is_told_from_progress() {
        for payload in ["9;Claude needs your permission", "777;notify;Claude Code;x", "99;i=1;hello"] {
            assert_eq!(read(payload.as_bytes()), Some(Told::Attention), "{payload}");
        }
        for payload in ["9;4;3", "9;4;0;", "99;i=1:d=0;part", "99;i=1:p=?;"] {
            assert_eq!(read(payload.as_bytes()), Some(Told::Nothing), "{payload}");
        }
        assert_eq!(read(b"0;title"), None);
    }
}
