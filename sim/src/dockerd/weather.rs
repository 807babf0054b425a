//! What may become of a request to the simulated engine: asked for one by one, or drawn from the seed.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::choice::Choices;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// `GET /_ping`
    Ping,
    /// `GET /version`
    Version,
    /// `GET /containers/json`
    List,
    /// `POST /containers/create`
    Create,
    /// `GET /containers/{id}/json`
    Inspect,
    /// `GET /containers/{id}/top`
    Top,
    /// `POST /containers/{id}/start`
    Start,
    /// `POST /containers/{id}/pause`
    Pause,
    /// `POST /containers/{id}/unpause`
    Unpause,
    /// `POST /containers/{id}/stop`
    Stop,
    /// `POST /containers/{id}/kill`
    Kill,
    /// `POST /containers/{id}/wait`
    Wait,
    /// `DELETE /containers/{id}`
    Remove,
    /// `PUT /containers/{id}/archive`
    Upload,
    /// `POST /containers/{id}/exec`
    ExecCreate,
    /// `POST /exec/{id}/start`
    ExecStart,
    /// `GET /exec/{id}/json`
    ExecInspect,
    /// `GET /events`
    Events,
    /// `GET /images/{name}/json`
    ImageInspect,
    /// `POST /images/create`
    Pull,
    /// `GET /volumes`
    VolumeList,
    /// `GET /volumes/{name}`
    VolumeInspect,
    /// `DELETE /volumes/{name}`
    VolumeRemove,
    /// Anything else.
    Nothing,
}

/// What becomes of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// It is done and answered.
    #[default]
    Done,
    /// It is done and answered after this long, whether anybody still waits or not: so it may land late.
    Slow(Duration),
    /// It is taken, and neither done nor answered while this engine lives.
    Hung,
    /// The stream is cut before anything is done.
    Cut,
    /// It is done, and the stream is cut before the answer.
    LostReply,
    /// It is done, and the stream is cut in the middle of the answer.
    Torn,
    /// It is not done: the answer is an error of the engine (500).
    Fails,
    /// It is done, and the answer is an error of the engine (500).
    FailsAfter,
    /// It is done, and the answer makes no sense.
    Garbage,
    /// It is not done, and the answer says that it was. Questions are answered with nothing found.
    Lie,
}

/// How often what becomes of requests, in ten thousand, and how long things take. All zeros is an engine that does
/// everything at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// Longest time that a request takes on a good day.
    pub latency_ms: u32,
    /// How long a container is being taken away before it is gone.
    pub removal_ms: u32,
    /// Rate of [`Fate::Slow`].
    pub slow: u32,
    /// Longest time that a slow request takes.
    pub slow_ms: u32,
    /// Rate of [`Fate::Hung`].
    pub hung: u32,
    /// Rate of [`Fate::Cut`].
    pub cut: u32,
    /// Rate of [`Fate::LostReply`].
    pub lost_reply: u32,
    /// Rate of [`Fate::Torn`].
    pub torn: u32,
    /// Rate of [`Fate::Fails`].
    pub fails: u32,
    /// Rate of [`Fate::FailsAfter`].
    pub fails_after: u32,
    /// Rate of [`Fate::Garbage`].
    pub garbage: u32,
    /// Rate of [`Fate::Lie`].
    pub lie: u32,
}

impl Weather {
    /// An engine on a good day, as fast as a real one is.
    pub const CALM: Self = Self {
        latency_ms: 30,
        removal_ms: 20,
        slow: 0,
        slow_ms: 0,
        hung: 0,
        cut: 0,
        lost_reply: 0,
        torn: 0,
        fails: 0,
        fails_after: 0,
        garbage: 0,
        lie: 0,
    };

    /// An engine on a bad day. It does not lie: nothing that relies on an engine survives one that does.
    pub const STORM: Self = Self {
        slow: 1_500,
        slow_ms: 120_000,
        hung: 200,
        cut: 300,
        lost_reply: 600,
        torn: 200,
        fails: 500,
        fails_after: 300,
        garbage: 100,
        ..Self::CALM
    };
}

/// Decides what becomes of each request.
pub(super) struct Fates {
    choices: Choices,
    weather: Weather,
    /// What was asked for, before anything is drawn.
    ordered: BTreeMap<Endpoint, VecDeque<Fate>>,
}

impl Fates {
    pub(super) fn new(choices: Choices, weather: Weather) -> Self {
        Self { choices, weather, ordered: BTreeMap::new() }
    }

    pub(super) fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    pub(super) fn order(&mut self, endpoint: Endpoint, fate: Fate) {
        self.ordered.entry(endpoint).or_default().push_back(fate);
    }

    /// What becomes of the next request to `endpoint`, and how long it takes on its way.
    pub(super) fn next(&mut self, endpoint: Endpoint) -> (Duration, Fate) {
        let latency = self.millis("dockerd latency", self.weather.latency_ms);
        let ordered = self.ordered.get_mut(&endpoint).and_then(VecDeque::pop_front);
        (latency, ordered.unwrap_or_else(|| self.draw()))
    }

    pub(super) fn removal(&self) -> Duration {
        self.millis("dockerd removal", self.weather.removal_ms)
    }

    fn millis(&self, label: &'static str, most: u32) -> Duration {
        let drawn = if most == 0 { 0 } else { self.choices.below(label, most + 1) };
        Duration::from_millis(drawn.into())
    }

    fn draw(&self) -> Fate {
        let weather = &self.weather;
        let slow = Fate::Slow(Duration::ZERO);
        let rates = [
            ("dockerd slow", weather.slow, slow),
            ("dockerd hung", weather.hung, Fate::Hung),
            ("dockerd cut", weather.cut, Fate::Cut),
            ("dockerd lost reply", weather.lost_reply, Fate::LostReply),
            ("dockerd torn", weather.torn, Fate::Torn),
            ("dockerd fails", weather.fails, Fate::Fails),
            ("dockerd fails after", weather.fails_after, Fate::FailsAfter),
            ("dockerd garbage", weather.garbage, Fate::Garbage),
            ("dockerd lie", weather.lie, Fate::Lie),
        ];
        let strikes =
            |(label, rate, _): &(&'static str, u32, Fate)| *rate > 0 && self.choices.chance(label, *rate);
        match rates.into_iter().find(strikes) {
            Some((_, _, fate)) if fate == slow => {
                Fate::Slow(self.millis("dockerd slow for", weather.slow_ms.max(1)))
            }
            Some((_, _, fate)) => fate,
            None => Fate::Done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_comes_first_and_a_calm_engine_does_everything() {
        let mut fates = Fates::new(Choices::seeded(1), Weather::CALM);
        fates.order(Endpoint::Create, Fate::LostReply);
        assert_eq!(fates.next(Endpoint::Start).1, Fate::Done);
        assert_eq!(fates.next(Endpoint::Create).1, Fate::LostReply);
        assert!((0..1_000).all(|_| fates.next(Endpoint::Create).1 == Fate::Done));
    }

    #[test]
    fn in_a_storm_everything_happens_but_lies() {
        let mut fates = Fates::new(Choices::seeded(1), Weather::STORM);
        let mut seen: Vec<Fate> = Vec::new();
        for _ in 0..5_000 {
            let fate = fates.next(Endpoint::Create).1;
            let fate = if matches!(fate, Fate::Slow(_)) { Fate::Slow(Duration::ZERO) } else { fate };
            if !seen.contains(&fate) {
                seen.push(fate);
            }
        }
        assert_eq!((seen.len(), seen.contains(&Fate::Lie)), (9, false), "{seen:?}");
    }

    #[test]
    fn a_benign_record_is_a_calm_engine() {
        let mut fates = Fates::new(Choices::benign(), Weather::STORM);
        assert!((0..100).all(|_| fates.next(Endpoint::Stop) == (Duration::ZERO, Fate::Done)));
    }
}
