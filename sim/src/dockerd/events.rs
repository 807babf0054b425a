//! What the simulated engine tells unasked: the last events, who listens, and what each wants to hear.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::answer::Refusal;
use super::dates;

/// Events that an engine remembers.
const REMEMBERED: usize = 256;

/// Something that happened to a container.
#[derive(Clone, Debug)]
pub(super) struct Occurrence {
    /// The container's id.
    pub(super) id: String,
    /// The engine's word for it.
    pub(super) action: String,
    /// Name, image, labels and what belongs to the action.
    pub(super) attributes: BTreeMap<String, String>,
    /// When, by the engine's calendar.
    pub(super) at: Duration,
}

impl Occurrence {
    fn line(&self) -> Bytes {
        let nanos = u64::try_from(self.at.as_nanos()).unwrap_or(u64::MAX);
        let document = json!({
            "status": self.action, "id": self.id, "from": self.attributes.get("image"), "Type": "container",
            "Action": self.action, "Actor": { "ID": self.id, "Attributes": self.attributes },
            "scope": "local", "time": self.at.as_secs(), "timeNano": nanos,
        });
        Bytes::from(format!("{document}\n"))
    }
}

/// What a listener or a listing wants: every kind of filter must let it pass, by one of its values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filters(BTreeMap<String, Vec<String>>);

impl Filters {
    /// Reads the query's document: lists of values by kind, or, in the old way, objects whose names are the values.
    pub(super) fn parse(text: Option<&String>) -> Result<Self, Refusal> {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Self::default()) };
        let bad = |error: serde_json::Error| Refusal::new(500, format!("invalid filter: {error}"));
        let document: BTreeMap<String, Value> = serde_json::from_str(text).map_err(bad)?;
        let words = |value: Value| match value {
            Value::Array(words) => words.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Value::Object(words) => words.keys().cloned().collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
        };
        Ok(Self(document.into_iter().map(|(kind, value)| (kind, words(value))).collect()))
    }

    /// Whether labels like these pass: `name` or `name=value`, all of them.
    pub(super) fn pass_labels(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.get("label").is_none_or(|wanted| {
            wanted.iter().all(|word| match word.split_once('=') {
                Some((name, value)) => labels.get(name).is_some_and(|own| own == value),
                None => labels.contains_key(word),
            })
        })
    }

    /// Whether one of the values of this kind is `value`, or there is no filter of this kind.
    pub(super) fn pass(&self, kind: &str, value: &str) -> bool {
        self.0.get(kind).is_none_or(|wanted| wanted.iter().any(|word| word == value))
    }

    fn pass_occurrence(&self, occurrence: &Occurrence) -> bool {
        self.pass("type", "container")
            && self.pass("event", &occurrence.action)
            && self.pass_labels(&occurrence.attributes)
    }
}

/// The events of one life of the engine.
#[derive(Default)]
pub(super) struct Events {
    last: VecDeque<Occurrence>,
    listeners: Vec<(Filters, mpsc::UnboundedSender<Bytes>)>,
}

impl Events {
    /// It happened: whoever wants to hear of it does.
    pub(super) fn tell(&mut self, occurrence: Occurrence) {
        self.listeners.retain(|(filters, sender)| {
            !filters.pass_occurrence(&occurrence) || sender.send(occurrence.line()).is_ok()
        });
        self.last.push_back(occurrence);
        if self.last.len() > REMEMBERED {
            self.last.pop_front();
        }
    }

    /// Lets somebody listen; first comes what is remembered from the second `since` on, where that is asked for.
    pub(super) fn listen(
        &mut self,
        query: &BTreeMap<String, String>,
        now: Duration,
    ) -> Result<mpsc::UnboundedReceiver<Bytes>, Refusal> {
        let filters = Filters::parse(query.get("filters"))?;
        let (sender, receiver) = mpsc::unbounded_channel();
        if let Some(since) = query.get("since").filter(|since| !since.is_empty()) {
            let whole = since.split('.').next().unwrap_or_default();
            let since: u64 = whole.parse().map_err(|_| {
                Refusal::new(500, format!("strconv.ParseInt: parsing \"{since}\": invalid syntax"))
            })?;
            let since = Duration::from_secs(since).min(dates::wall(now));
            let wanted = self.last.iter().filter(|one| one.at >= since && filters.pass_occurrence(one));
            for occurrence in wanted {
                // The receiver is in our hands still.
                let _sent = sender.send(occurrence.line());
            }
        }
        self.listeners.push((filters, sender));
        Ok(receiver)
    }

    /// Who listens now.
    pub(super) fn listeners(&mut self) -> usize {
        self.listeners.retain(|(_, sender)| !sender.is_closed());
        self.listeners.len()
    }

    /// The engine is gone: nothing is remembered, and nobody hears it any more.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}
