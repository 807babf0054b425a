//! The documents in which the simulated engine shows what it has.

use std::time::Duration;

use ccells_core::container::ContainerState;
use serde_json::{Value, json};

use super::answer::{API, Refusal};
use super::dates;
use super::events::Filters;
use super::yard::{Container, Exec, Volume, Yard};

/// What a time that never was looks like.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// The engine itself.
pub(super) fn version() -> Value {
    let (api, oldest) = (format!("1.{}", API.0), format!("1.{}", API.1));
    json!({
        "Platform": { "Name": "" },
        "Components": [{ "Name": "Engine", "Version": "20.10.24", "Details": { "ApiVersion": api } }],
        "Version": "20.10.24", "ApiVersion": api, "MinAPIVersion": oldest,
        "Os": "linux", "Arch": "amd64", "KernelVersion": "6.1.0",
    })
}

/// The containers that pass, the newest first.
pub(super) fn list(yard: &Yard, is_all: bool, filters: &Filters) -> Value {
    let passes = |one: &&Container| {
        (is_all || one.state.has_processes())
            && filters.pass_labels(&one.labels)
            && filters.pass("status", one.state.as_str())
            && filters.pass("id", &one.id)
            && filters.pass("name", &one.name)
    };
    let mut rows: Vec<&Container> = yard.containers.values().filter(passes).collect();
    rows.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
    rows.into_iter().map(row).collect()
}

fn row(container: &Container) -> Value {
    json!({
        "Id": container.id, "Names": [format!("/{}", container.name)], "Image": container.image,
        "ImageID": image_id(&container.image), "Command": container.command().join(" "),
        "Created": dates::wall(container.created).as_secs(), "Ports": [], "Labels": container.labels,
        "State": container.state.as_str(), "Status": status(container),
        "HostConfig": { "NetworkMode": "default" }, "NetworkSettings": { "Networks": {} },
        "Mounts": mounts(container),
    })
}

fn status(container: &Container) -> String {
    match container.state {
        ContainerState::Created => "Created".into(),
        ContainerState::Running => "Up".into(),
        ContainerState::Paused => "Up (Paused)".into(),
        ContainerState::Restarting => "Restarting".into(),
        ContainerState::Removing => "Removal In Progress".into(),
        ContainerState::Exited => format!("Exited ({})", container.code),
        ContainerState::Dead => "Dead".into(),
    }
}

fn mounts(container: &Container) -> Value {
    let mount = |(target, name): (&String, &String)| json!({ "Type": "volume", "Name": name, "Destination": target, "Driver": "local", "Mode": "z", "RW": true });
    container.volumes.iter().map(mount).collect()
}

fn image_id(image: &str) -> String {
    let hash = image.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("sha256:{hash:064x}")
}

/// One container, with everything.
pub(super) fn inspect(container: &Container) -> Value {
    let when = |time: Option<Duration>| time.map_or(NEVER.into(), |time| dates::rfc3339(dates::wall(time)));
    let mut config = container.asked.clone();
    let host_config = config.as_object_mut().and_then(|fields| fields.remove("HostConfig"));
    let command = container.command();
    let state = container.state;
    json!({
        "Id": container.id, "Created": when(Some(container.created)),
        "Path": command.first(), "Args": command.get(1..),
        "State": {
            "Status": state.as_str(), "Running": state.has_processes(), "Paused": state == ContainerState::Paused,
            "Restarting": state == ContainerState::Restarting, "OOMKilled": container.was_out_of_memory,
            "Dead": state == ContainerState::Dead, "Pid": if state.has_processes() { 4_242 } else { 0 },
            "ExitCode": container.code, "Error": "", "StartedAt": when(container.started),
            "FinishedAt": when(container.finished),
        },
        "Image": image_id(&container.image), "Name": format!("/{}", container.name), "RestartCount": 0,
        "Driver": "overlay2", "Platform": "linux", "HostConfig": host_config, "Mounts": mounts(container),
        "Config": config,
    })
}

/// The processes of a container.
pub(super) fn top(container: &Container) -> Result<Value, Refusal> {
    if !container.state.has_processes() {
        return Err(Refusal::new(409, format!("Container {} is not running", container.id)));
    }
    let command = container.command().join(" ");
    let rows = [["4242".to_owned(), format!("/sbin/docker-init -- {command}")], ["4243".to_owned(), command]];
    Ok(json!({ "Titles": ["PID", "COMMAND"], "Processes": rows }))
}

/// An exec.
pub(super) fn exec(id: &str, exec: &Exec) -> Value {
    json!({
        "ID": id, "Running": exec.is_started && exec.code.is_none(), "ExitCode": exec.code,
        "ProcessConfig": {
            "tty": false, "entrypoint": exec.argv.first(), "arguments": exec.argv.get(1..), "privileged": false,
        },
        "OpenStdin": true, "OpenStderr": true, "OpenStdout": true, "CanRemove": false,
        "ContainerID": exec.container, "DetachKeys": "", "Pid": if exec.is_started { 4_300 } else { 0 },
    })
}

/// An image that is there.
pub(super) fn image(name: &str) -> Value {
    json!({ "Id": image_id(name), "RepoTags": [name], "Os": "linux", "Architecture": "amd64", "Size": 1 })
}

/// A volume.
pub(super) fn volume(name: &str, volume: &Volume) -> Value {
    json!({
        "Name": name, "Driver": "local", "Mountpoint": format!("/var/lib/docker/volumes/{name}/_data"),
        "Labels": volume.labels, "Options": null, "Scope": "local", "CreatedAt": dates::rfc3339(dates::wall(Duration::ZERO)),
    })
}
