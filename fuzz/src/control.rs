//! The control socket: a line that any program of the user may send.

use ccells_core::effect::{Effect, RefusalKind};
use ccells_core::event::Event;
use ccells_core::ids::RequestId;
use ccells_core::limits;
use ccells_core::naming::validate_branch;
use ccells_shell::control::{Request, parse_request};

use crate::assert_harmless;
use crate::script::Booted;

/// A line is a request that is written as it was read, or refused in words; and whatever is asked, the machine answers
/// or begins, and never begins with a name that is none.
pub fn control_request(bytes: &[u8]) {
    let request = match parse_request(bytes) {
        Ok(request) => request,
        Err(refusal) => {
            assert_eq!(refusal.kind, RefusalKind::Usage);
            return assert_harmless(&refusal.text);
        }
    };
    let line = serde_json::to_vec(&request).expect("a request has only text keys");
    assert!(!line.contains(&b'\n'), "a request is one line");
    assert_eq!(parse_request(&line).as_ref(), Ok(&request));
    let only_looks = request == Request::Show;
    let Some(ask) = request.ask() else {
        assert!(only_looks, "everything else asks for something");
        return;
    };
    let mut booted = Booted::with_workstreams(2);
    let asked = Event::Asked { request: RequestId(7), ask };
    for effect in booted.send(asked) {
        check(&effect);
    }
}

fn check(effect: &Effect) {
    if let Effect::WriteIntent { intent, .. } = effect {
        let facts = &intent.workstream;
        assert_eq!(validate_branch(&facts.branch), Ok(()));
        assert!(facts.prompt.len() <= limits::PROMPT_BYTES, "{} bytes of prompt", facts.prompt.len());
        assert!(
            facts.name.chars().count() <= limits::NAME_CHARS && !facts.name.chars().any(char::is_control)
        );
    }
    if let Effect::Reply { request, outcome: Err(refusal) } = effect {
        assert_eq!(*request, RequestId(7));
        assert_harmless(&refusal.text);
    }
}
