//! The simulated engine's world: containers, volumes, execs and images, and what each request makes of them. Nothing
//! waits here: every change is made at once, at the time it is given.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ccells_core::container::{ContainerState, HOLDER};
use ccells_holder::SessionId;
use serde_json::Value;

use super::answer::Refusal;
use super::dates;
use super::events::{Events, Filters, Occurrence};
use super::inside::{Happening, Inside, Program, killed_by};
use super::pull::Pulling;

/// The code of a main process whose end nobody saw.
const UNSEEN: i64 = 255;
/// The code of a main process that could not be found.
const NO_PROGRAM: i64 = 127;
/// The signal that cannot be ignored.
const SIGKILL: u8 = 9;

/// A container.
pub(super) struct Container {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) image: String,
    pub(super) labels: BTreeMap<String, String>,
    /// What was asked for, as it was asked for.
    pub(super) asked: Value,
    /// Volumes by where they are mounted.
    pub(super) volumes: BTreeMap<String, String>,
    pub(super) created: Duration,
    pub(super) started: Option<Duration>,
    pub(super) finished: Option<Duration>,
    pub(super) state: ContainerState,
    pub(super) code: i64,
    pub(super) was_out_of_memory: bool,
    /// What was put where the holder belongs.
    program: Option<Program>,
    pub(super) inside: Option<Inside>,
}

impl Container {
    /// The command that is run.
    pub(super) fn command(&self) -> Vec<String> {
        let words = self.asked["Cmd"].as_array().into_iter().flatten();
        words.filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

/// A volume.
pub(super) struct Volume {
    pub(super) labels: BTreeMap<String, String>,
}

/// A command in a container.
#[derive(Clone, Debug)]
pub(super) struct Exec {
    pub(super) container: String,
    pub(super) argv: Vec<String>,
    pub(super) is_started: bool,
    /// Its session at the holder, when it is a tunnel that stands.
    pub(super) session: Option<SessionId>,
    pub(super) code: Option<i64>,
}

/// The world. See the module.
#[derive(Default)]
pub(super) struct Yard {
    pub(super) containers: BTreeMap<String, Container>,
    pub(super) volumes: BTreeMap<String, Volume>,
    pub(super) execs: BTreeMap<String, Exec>,
    pub(super) images: BTreeSet<String>,
    /// The images that a registry has, and how a pull of each goes.
    pub(super) registry: BTreeMap<String, Pulling>,
    pub(super) events: Events,
    /// Images that are said to be there whatever they are called; off when a list was given.
    pub(super) has_every_image: bool,
    made: u64,
}

/// A new id, as long as the engine's own.
fn id(kind: u64, number: u64) -> String {
    let mix = |part: u64| {
        let seed = (kind << 56) ^ (part << 48) ^ number;
        let mixed =
            (seed ^ (seed >> 31)).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let [a, b, c, d] = [0, 1, 2, 3].map(mix);
    format!("{a:016x}{b:016x}{c:016x}{d:016x}")
}

impl Yard {
    /// A number that was not given before.
    pub(super) fn new_id(&mut self, kind: u64) -> String {
        self.made += 1;
        id(kind, self.made)
    }

    /// The id of the container that `word` means: its id, its name, or the beginning of its id.
    pub(super) fn find(&self, word: &str) -> Result<String, Refusal> {
        if self.containers.contains_key(word) {
            return Ok(word.to_owned());
        }
        let bare = word.strip_prefix('/').unwrap_or(word);
        if let Some(named) = self.containers.values().find(|one| one.name == bare) {
            return Ok(named.id.clone());
        }
        let mut begun = self.containers.keys().filter(|id| !word.is_empty() && id.starts_with(word));
        match (begun.next(), begun.next()) {
            (Some(only), None) => Ok(only.clone()),
            (Some(_), Some(_)) => {
                Err(Refusal::new(400, format!("Multiple IDs found with provided prefix: {word}")))
            }
            (None, _) => Err(Refusal::new(404, format!("No such container: {word}"))),
        }
    }

    pub(super) fn get(&mut self, word: &str) -> Result<&mut Container, Refusal> {
        let id = self.find(word)?;
        Ok(self.containers.get_mut(&id).expect("it was just found"))
    }

    /// Tells that something happened to a container.
    pub(super) fn tell(&mut self, id: &str, action: &str, more: &[(&str, String)], now: Duration) {
        let Some(container) = self.containers.get(id) else { return };
        let mut attributes = container.labels.clone();
        attributes.insert("image".into(), container.image.clone());
        attributes.insert("name".into(), container.name.clone());
        attributes.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let at = dates::wall(now);
        self.events.tell(Occurrence { id: id.to_owned(), action: action.to_owned(), attributes, at });
    }

    /// Makes a container; its id.
    pub(super) fn create(&mut self, name: &str, asked: Value, now: Duration) -> Result<String, Refusal> {
        let image = asked["Image"].as_str().unwrap_or_default().to_owned();
        self.check_image(&image, &asked)?;
        let id = self.new_id(1);
        let name = if name.is_empty() { format!("nameless_{}", self.made) } else { name.to_owned() };
        check_name(&name)?;
        if let Some(other) = self.containers.values().find(|one| one.name == name) {
            let message = format!(
                "Conflict. The container name \"/{name}\" is already in use by container \"{}\". You have to remove \
                 (or rename) that container to be able to reuse that name.",
                other.id
            );
            return Err(Refusal::new(409, message));
        }
        let volumes = self.make_volumes(&asked);
        let container = Container {
            id: id.clone(),
            name,
            image,
            labels: labels_of(&asked["Labels"]),
            asked,
            volumes,
            created: now,
            started: None,
            finished: None,
            state: ContainerState::Created,
            code: 0,
            was_out_of_memory: false,
            program: None,
            inside: None,
        };
        self.containers.insert(id.clone(), container);
        self.tell(&id, "create", &[], now);
        Ok(id)
    }

    fn check_image(&self, image: &str, asked: &Value) -> Result<(), Refusal> {
        if image.is_empty() || asked["Cmd"].as_array().is_none_or(Vec::is_empty) {
            return Err(Refusal::new(400, "No command specified"));
        }
        let is_tagged = image.rsplit('/').next().is_some_and(|last| last.contains([':', '@']));
        let full = if is_tagged { image.to_owned() } else { format!("{image}:latest") };
        if self.has_image(&full) { Ok(()) } else { Err(Refusal::new(404, format!("No such image: {full}"))) }
    }

    /// Whether the image is there.
    pub(super) fn has_image(&self, image: &str) -> bool {
        (self.has_every_image && !self.registry.contains_key(image)) || self.images.contains(image)
    }

    fn make_volumes(&mut self, asked: &Value) -> BTreeMap<String, String> {
        let mounts = asked["HostConfig"]["Mounts"].as_array().cloned().unwrap_or_default();
        let volumes = mounts.iter().filter(|mount| mount["Type"] == "volume");
        let mut made = BTreeMap::new();
        for mount in volumes {
            let name = mount["Source"].as_str().filter(|name| !name.is_empty());
            let name = name.map_or_else(|| self.new_id(2), str::to_owned);
            let labels = labels_of(&mount["VolumeOptions"]["Labels"]);
            self.volumes.entry(name.clone()).or_insert(Volume { labels });
            made.insert(mount["Target"].as_str().unwrap_or_default().to_owned(), name);
        }
        made
    }

    /// Starts a container; whether that changed anything.
    pub(super) fn start(&mut self, word: &str, now: Duration) -> Result<bool, Refusal> {
        let container = self.get(word)?;
        match container.state {
            ContainerState::Running | ContainerState::Restarting => return Ok(false),
            ContainerState::Paused => {
                return Err(Refusal::new(409, "cannot start a paused container, try unpause instead"));
            }
            ContainerState::Removing | ContainerState::Dead => {
                return Err(Refusal::new(409, "container is marked for removal and cannot be started"));
            }
            ContainerState::Created | ContainerState::Exited => {}
        }
        let id = container.id.clone();
        let command = container.command();
        let ran_before = container.started.is_some();
        // Only what lies in the holder's place is known; any other command stays until it is told to leave.
        let is_ours = command.first().is_some_and(|word| word == HOLDER);
        let program = if is_ours { container.program } else { Some(Program::StandIn) };
        container.inside = program.map(|program| Inside::start(program, &command, ran_before, now));
        container.state = ContainerState::Running;
        container.started = Some(now);
        (container.code, container.was_out_of_memory) = (0, false);
        self.tell(&id, "start", &[], now);
        if program.is_none() {
            self.end(&id, NO_PROGRAM, now);
        }
        self.settle(now);
        Ok(true)
    }

    pub(super) fn pause(&mut self, word: &str, now: Duration) -> Result<(), Refusal> {
        let container = self.get(word)?;
        let id = container.id.clone();
        match container.state {
            ContainerState::Running => container.state = ContainerState::Paused,
            ContainerState::Paused => {
                return Err(Refusal::new(409, format!("Container {id} is already paused")));
            }
            ContainerState::Created
            | ContainerState::Restarting
            | ContainerState::Removing
            | ContainerState::Exited
            | ContainerState::Dead => return Err(not_running(&id)),
        }
        self.tell(&id, "pause", &[], now);
        Ok(())
    }

    pub(super) fn unpause(&mut self, word: &str, now: Duration) -> Result<(), Refusal> {
        let container = self.get(word)?;
        let id = container.id.clone();
        if container.state != ContainerState::Paused {
            return Err(Refusal::new(500, format!("Container {id} is not paused")));
        }
        container.state = ContainerState::Running;
        self.tell(&id, "unpause", &[], now);
        self.settle(now);
        Ok(())
    }

    /// Tells a container's main process to leave. `None` when it does not run, else whether it has left.
    pub(super) fn terminate(&mut self, word: &str, now: Duration) -> Result<Option<bool>, Refusal> {
        let id = self.find(word)?;
        if !self.containers[&id].state.has_processes() {
            return Ok(None);
        }
        self.tell(&id, "kill", &[("signal", "15".into())], now);
        if self.containers[&id].state == ContainerState::Paused {
            self.unpause(&id, now)?;
        }
        let container = self.get(&id)?;
        let code = container.inside.as_mut().and_then(|inside| inside.terminate(now));
        if let Some(code) = code {
            self.end(&id, code, now);
        }
        Ok(Some(!self.containers[&id].state.has_processes()))
    }

    /// Ends a container's processes at once.
    pub(super) fn kill(&mut self, word: &str, now: Duration) -> Result<(), Refusal> {
        let failed = |refusal: Refusal| {
            Refusal::new(refusal.status, format!("Cannot kill container: {word}: {}", refusal.message))
        };
        let container = self.get(word).map_err(failed)?;
        let id = container.id.clone();
        if !container.state.has_processes() {
            return Err(failed(not_running(&id)));
        }
        self.tell(&id, "kill", &[("signal", SIGKILL.to_string())], now);
        self.end(&id, killed_by(SIGKILL), now);
        Ok(())
    }

    /// Begins to take a container away; its id.
    pub(super) fn begin_removal(
        &mut self,
        word: &str,
        force: bool,
        now: Duration,
    ) -> Result<String, Refusal> {
        let container = self.get(word)?;
        let (id, name) = (container.id.clone(), container.name.clone());
        match container.state {
            ContainerState::Removing => {
                let message = format!("removal of container {name} is already in progress");
                return Err(Refusal::new(409, message));
            }
            ContainerState::Paused if !force => {
                let message = format!(
                    "You cannot remove a paused container {id}. Unpause and then stop the container before attempting \
                     removal or force remove"
                );
                return Err(Refusal::new(409, message));
            }
            ContainerState::Running | ContainerState::Restarting if !force => {
                let message = format!(
                    "You cannot remove a running container {id}. Stop the container before attempting removal or \
                     force remove"
                );
                return Err(Refusal::new(409, message));
            }
            ContainerState::Running | ContainerState::Restarting | ContainerState::Paused => {
                self.kill(&id, now)?;
            }
            ContainerState::Created | ContainerState::Exited | ContainerState::Dead => {}
        }
        self.get(&id)?.state = ContainerState::Removing;
        Ok(id)
    }

    /// The container is gone, and with it, where that was asked for, its volumes without names.
    pub(super) fn finish_removal(&mut self, id: &str, with_volumes: bool, now: Duration) {
        self.tell(id, "destroy", &[], now);
        let Some(container) = self.containers.remove(id) else { return };
        self.execs.retain(|_, exec| exec.container != id);
        if with_volumes {
            for volume in container.volumes.values() {
                let is_used =
                    self.containers.values().any(|one| one.volumes.values().any(|own| own == volume));
                if !is_used {
                    self.volumes.remove(volume);
                }
            }
        }
    }

    /// Puts an archive into a container.
    pub(super) fn upload(
        &mut self,
        word: &str,
        path: &str,
        archive: &[u8],
        now: Duration,
    ) -> Result<(), Refusal> {
        let is_read_only = self.get(word)?.asked["HostConfig"]["ReadonlyRootfs"] == true;
        let container = self.get(word)?;
        let id = container.id.clone();
        let is_volume = container.volumes.contains_key(path.trim_end_matches('/'));
        if !is_volume && path != "/" {
            return Err(Refusal::new(404, format!("Could not find the file {path} in container {word}")));
        }
        if !is_volume && is_read_only {
            return Err(Refusal::new(500, "container rootfs is marked read-only"));
        }
        let broken = |error: std::io::Error| {
            Refusal::new(500, format!("Error processing tar file(exit status 1): {error}"))
        };
        for (name, bytes) in unpack(archive).map_err(broken)? {
            if format!("{}/{name}", path.trim_end_matches('/')) == HOLDER {
                container.program = Some(Program::of(&bytes));
            }
        }
        self.tell(&id, "extract-to-dir", &[], now);
        Ok(())
    }

    /// Makes a command for a container; its id.
    pub(super) fn create_exec(
        &mut self,
        word: &str,
        asked: &Value,
        now: Duration,
    ) -> Result<String, Refusal> {
        let container = self.get(word)?;
        let (id, name) = (container.id.clone(), container.name.clone());
        let argv: Vec<String> = asked["Cmd"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        if argv.is_empty() {
            return Err(Refusal::new(400, "No exec command specified"));
        }
        match container.state {
            ContainerState::Running => {}
            ContainerState::Paused => {
                let message = format!("Container {name} is paused, unpause the container before exec");
                return Err(Refusal::new(409, message));
            }
            ContainerState::Created
            | ContainerState::Restarting
            | ContainerState::Removing
            | ContainerState::Exited
            | ContainerState::Dead => return Err(not_running(&id)),
        }
        let exec = self.new_id(3);
        self.tell(&id, &format!("exec_create: {} ", argv.join(" ")), &[("execID", exec.clone())], now);
        self.execs
            .insert(exec.clone(), Exec { container: id, argv, is_started: false, session: None, code: None });
        Ok(exec)
    }

    /// Whether an exec can be started now; then it is.
    pub(super) fn start_exec(&mut self, exec: &str, now: Duration) -> Result<(), Refusal> {
        let missing = || Refusal::new(404, format!("No such exec instance: {exec}"));
        let found = self.execs.get_mut(exec).ok_or_else(missing)?;
        let container = self.containers.get(&found.container).ok_or_else(missing)?;
        if container.state == ContainerState::Paused {
            let message = format!("Container {} is paused, unpause the container before exec", container.id);
            return Err(Refusal::new(409, message));
        }
        if found.is_started {
            return Err(Refusal::new(409, format!("Error: Exec command {exec} has already run")));
        }
        found.is_started = true;
        let (id, words) = (found.container.clone(), found.argv.join(" "));
        self.tell(&id, &format!("exec_start: {words} "), &[("execID", exec.to_owned())], now);
        Ok(())
    }

    /// The command of an exec ended.
    pub(super) fn end_exec(&mut self, exec: &str, code: i64, now: Duration) {
        if let Some(found) = self.execs.get_mut(exec) {
            found.code = Some(code);
            let id = found.container.clone();
            let more = [("execID", exec.to_owned()), ("exitCode", code.to_string())];
            self.tell(&id, "exec_die", &more, now);
        }
    }

    /// The session of a tunnel is over.
    pub(super) fn hang_up(&mut self, exec: &Exec) {
        let inside = self.containers.get_mut(&exec.container).and_then(|one| one.inside.as_mut());
        if let (Some(session), Some(desk)) = (exec.session, inside.and_then(Inside::desk)) {
            desk.hang_up(session);
            desk.sweep();
        }
    }

    /// Lets go of volumes that no container uses.
    pub(super) fn remove_volume(&mut self, name: &str) -> Result<(), Refusal> {
        if !self.volumes.contains_key(name) {
            return Err(Refusal::new(404, format!("get {name}: no such volume")));
        }
        if let Some(user) = self.user_of(name) {
            return Err(Refusal::new(409, format!("remove {name}: volume is in use - [{user}]")));
        }
        self.volumes.remove(name);
        Ok(())
    }

    fn user_of(&self, volume: &str) -> Option<&String> {
        let uses = |one: &&Container| one.volumes.values().any(|own| own == volume);
        self.containers.values().find(uses).map(|one| &one.id)
    }

    /// The volumes that pass.
    pub(super) fn list_volumes(&self, filters: &Filters) -> Vec<(&String, &Volume)> {
        let passes = |(name, volume): &(&String, &Volume)| {
            let is_dangling = if self.user_of(name).is_none() { "true" } else { "false" };
            filters.pass_labels(&volume.labels) && filters.pass("dangling", is_dangling)
        };
        self.volumes.iter().filter(passes).collect()
    }

    /// A container's main process ended.
    pub(super) fn end(&mut self, id: &str, code: i64, now: Duration) {
        let Some(container) = self.containers.get_mut(id) else { return };
        container.state = ContainerState::Exited;
        container.inside = None;
        container.code = code;
        container.finished = Some(now);
        self.execs.retain(|_, exec| exec.container != id || exec.is_started);
        self.tell(id, "die", &[("exitCode", code.to_string())], now);
    }

    /// The main process, or an agent of it, is ended for want of memory.
    pub(super) fn run_out_of_memory(&mut self, word: &str, now: Duration) -> Result<(), Refusal> {
        let id = self.find(word)?;
        self.note_want_of_memory(&id, now);
        self.end(&id, killed_by(SIGKILL), now);
        Ok(())
    }

    fn note_want_of_memory(&mut self, id: &str, now: Duration) {
        self.tell(id, "oom", &[], now);
        if let Some(container) = self.containers.get_mut(id) {
            container.was_out_of_memory = true;
        }
    }

    /// Lets everything that runs go on until `now`.
    pub(super) fn settle(&mut self, now: Duration) {
        let mut happened = Vec::new();
        for container in self.containers.values_mut().filter(|one| one.state == ContainerState::Running) {
            if let Some(inside) = &mut container.inside {
                let id = &container.id;
                happened.extend(inside.advance(now).into_iter().map(|happening| (id.clone(), happening)));
            }
        }
        for (id, happening) in happened {
            match happening {
                Happening::OutOfMemory => self.note_want_of_memory(&id, now),
                Happening::Ended(code) => self.end(&id, code, now),
            }
        }
    }

    /// When something is to be done that nobody asks for.
    pub(super) fn due(&self) -> Option<Duration> {
        let running = self.containers.values().filter(|one| one.state == ContainerState::Running);
        running.filter_map(|one| one.inside.as_ref()?.due()).min()
    }

    /// The engine is gone; the containers are not. What only the engine knew is forgotten.
    pub(super) fn lose_engine(&mut self) {
        self.events.forget();
        for exec in std::mem::take(&mut self.execs).into_values() {
            // The input of a tunnel ends with the engine that held it.
            self.hang_up(&exec);
        }
    }

    /// The engine is there again: what was being taken away is stuck, and, where it does not leave containers alone
    /// (live-restore), it ends what still runs.
    pub(super) fn find_again(&mut self, leaves_alone: bool, now: Duration) {
        self.settle(now);
        let ids: Vec<String> = self.containers.keys().cloned().collect();
        for id in ids {
            let container = self.containers.get_mut(&id).expect("nothing was taken away meanwhile");
            if container.state == ContainerState::Removing {
                container.state = ContainerState::Dead;
            } else if container.state.has_processes() && !leaves_alone {
                self.end(&id, killed_by(SIGKILL), now);
            }
        }
    }

    /// The power went: nothing runs any more, and nobody saw it end.
    pub(super) fn lose_power(&mut self, now: Duration) {
        for container in self.containers.values_mut().filter(|one| one.state.has_processes()) {
            container.state = ContainerState::Exited;
            container.inside = None;
            (container.code, container.finished) = (UNSEEN, Some(now));
        }
    }
}

fn not_running(id: &str) -> Refusal {
    Refusal::new(409, format!("Container {id} is not running"))
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let bare = name.strip_prefix('/').unwrap_or(name);
    let is_fine = bare.starts_with(|c: char| c.is_ascii_alphanumeric())
        && bare.len() > 1
        && bare.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    let message = format!("Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
    if is_fine { Ok(()) } else { Err(Refusal::new(400, message)) }
}

fn labels_of(value: &Value) -> BTreeMap<String, String> {
    let pairs = value.as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

/// The files of an archive: names and bytes.
fn unpack(archive: &[u8]) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    use std::io::Read as _;

    let mut files = Vec::new();
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().trim_start_matches("./").to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        files.push((name, bytes));
    }
    Ok(files)
}
