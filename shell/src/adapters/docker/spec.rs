//! The one builder of what the engine is asked to run. What protects the host is written here, for every container,
//! and nothing in a [`ContainerSpec`] can ask it away.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig, Mount,
    MountBindOptions, MountBindOptionsPropagationEnum, MountType, MountVolumeOptions, ResourcesUlimits,
    RestartPolicy, RestartPolicyNameEnum,
};
use ccells_core::container::{AGENT_HOME, ContainerSpec, HOLDER_DIR, WORKSPACE};
use ccells_core::limits;

use super::transport::Api;

/// From this version on the engine can give a container its own view of the control groups.
const CGROUPNS_SINCE: Api = Api(1, 41);
/// Seconds between SIGTERM and SIGKILL when somebody else stops a container of ours.
const STOP_TIMEOUT_S: i64 = 10;
/// When memory runs out, agents go before the user's own programs.
const OOM_SCORE: i64 = 500;

/// The engine's form of `spec`.
pub(super) fn create_body(spec: &ContainerSpec, api: Api) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        user: Some(format!("{}:{}", spec.owner.0, spec.owner.1)),
        labels: Some(labels(spec)),
        env: Some(environment(spec)),
        entrypoint: Some(Vec::new()),
        cmd: Some(spec.command()),
        working_dir: Some(WORKSPACE.to_string()),
        // The holder owns the terminal; the container's own streams carry nothing but its log.
        tty: Some(false),
        open_stdin: Some(false),
        stop_signal: Some("SIGTERM".to_string()),
        stop_timeout: Some(STOP_TIMEOUT_S),
        // An image may bring a check of its own, which would run beside the agent.
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".to_string()]), ..HealthConfig::default() }),
        host_config: Some(host_config(spec, api)),
        ..ContainerCreateBody::default()
    }
}

/// The labels, with the fingerprint of what is really asked for.
fn labels(spec: &ContainerSpec) -> HashMap<String, String> {
    let mut labels = spec.labels.clone();
    labels.config_hash = spec.config_hash();
    labels.to_pairs().into_iter().collect()
}

fn environment(spec: &ContainerSpec) -> Vec<String> {
    let mut env = spec.env.clone();
    env.entry("HOME".to_string()).or_insert_with(|| AGENT_HOME.to_string());
    env.entry("TERM".to_string()).or_insert_with(|| "xterm-256color".to_string());
    env.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}

fn host_config(spec: &ContainerSpec, api: Api) -> HostConfig {
    HostConfig {
        privileged: Some(false),
        cap_drop: Some(vec!["ALL".to_string()]),
        cap_add: Some(Vec::new()),
        security_opt: Some(vec!["no-new-privileges:true".to_string()]),
        readonly_rootfs: Some(true),
        init: Some(true),
        network_mode: Some("default".to_string()),
        ipc_mode: Some("private".to_string()),
        cgroupns_mode: (api >= CGROUPNS_SINCE).then_some(HostConfigCgroupnsModeEnum::PRIVATE),
        pids_limit: Some(spec.limits.pids),
        memory: Some(spec.limits.memory),
        // Memory and swap together: the same number means no swap.
        memory_swap: Some(spec.limits.memory),
        nano_cpus: Some(spec.limits.nano_cpus),
        oom_score_adj: Some(OOM_SCORE),
        shm_size: Some(limits::CONTAINER_SHM),
        ulimits: Some(vec![ulimit("core", 0), ulimit("fsize", limits::CONTAINER_FILE)]),
        tmpfs: Some(HashMap::from([
            ("/tmp".to_string(), "rw,nosuid,nodev,exec,size=1g,mode=1777".to_string()),
            ("/run".to_string(), "rw,nosuid,nodev,noexec,size=16m,mode=755".to_string()),
        ])),
        mounts: Some(mounts(spec)),
        publish_all_ports: Some(false),
        auto_remove: Some(false),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_string()),
            config: Some(HashMap::from([
                ("max-size".to_string(), "5m".to_string()),
                ("max-file".to_string(), "2".to_string()),
            ])),
        }),
        ..HostConfig::default()
    }
}

fn ulimit(name: &str, value: i64) -> ResourcesUlimits {
    ResourcesUlimits { name: Some(name.to_string()), soft: Some(value), hard: Some(value) }
}

/// The directories of the host, and the volume the holder is put into. That volume has no name of its own, so the
/// engine takes it away with the container; it has our labels, so that one that is left over all the same is known.
fn mounts(spec: &ContainerSpec) -> Vec<Mount> {
    let binds = spec.mounts.iter().map(|mount| Mount {
        typ: Some(MountType::BIND),
        source: Some(mount.source.as_str().to_string()),
        target: Some(mount.target.clone()),
        read_only: Some(mount.is_read_only),
        bind_options: Some(MountBindOptions {
            propagation: Some(MountBindOptionsPropagationEnum::RPRIVATE),
            ..MountBindOptions::default()
        }),
        ..Mount::default()
    });
    let holder = Mount {
        typ: Some(MountType::VOLUME),
        target: Some(HOLDER_DIR.to_string()),
        read_only: Some(false),
        volume_options: Some(MountVolumeOptions {
            no_copy: Some(true),
            labels: Some(labels(spec)),
            ..MountVolumeOptions::default()
        }),
        ..Mount::default()
    };
    binds.chain([holder]).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ccells_core::container::{ContainerLimits, Labels, Mount as SpecMount};
    use ccells_core::ids::{HomeId, RepoId, RunId, WorkstreamId};
    use serde_json::{Value, json};

    use super::*;

    fn spec() -> ContainerSpec {
        ContainerSpec {
            name: "ccells-web-01jd8z5q0v3x7k2m9n4p6r8s1t".into(),
            image: "agent:1".into(),
            labels: Labels {
                home: HomeId::parse("h1").unwrap(),
                repo: RepoId::parse("web-1a2b").unwrap(),
                workstream: WorkstreamId::parse("01jd8z5q0v3x7k2m9n4p6r8s1t").unwrap(),
                run: RunId::parse("01jd8z5q0v3x7k2m9n4p6r8s1v").unwrap(),
                branch: "ccells/fix".into(),
                config_hash: "not the fingerprint".into(),
            },
            owner: (1000, 1001),
            argv: vec!["claude".into(), "-p".into()],
            resume_argv: vec!["claude".into(), "--continue".into()],
            env: BTreeMap::from([("A".into(), "1 2".into()), ("TERM".into(), "dumb".into())]),
            mounts: vec![
                SpecMount { source: "/w/tree".into(), target: "/workspace".into(), is_read_only: false },
                SpecMount {
                    source: "/w/dotgit".into(),
                    target: "/workspace/.git".into(),
                    is_read_only: true,
                },
            ],
            limits: ContainerLimits::default(),
        }
    }

    fn expected_labels() -> Value {
        json!({
            "ccells": "true",
            "dev.ccells.branch": "ccells/fix",
            "dev.ccells.config-hash": spec().config_hash(),
            "dev.ccells.home": "h1",
            "dev.ccells.repo": "web-1a2b",
            "dev.ccells.run": "01jd8z5q0v3x7k2m9n4p6r8s1v",
            "dev.ccells.schema": "1",
            "dev.ccells.workstream": "01jd8z5q0v3x7k2m9n4p6r8s1t",
        })
    }

    fn expected_host_config() -> Value {
        json!({
            "Privileged": false,
            "CapDrop": ["ALL"],
            "CapAdd": [],
            "SecurityOpt": ["no-new-privileges:true"],
            "ReadonlyRootfs": true,
            "Init": true,
            "NetworkMode": "default",
            "IpcMode": "private",
            "CgroupnsMode": "private",
            "PidsLimit": 512,
            "Memory": 4_294_967_296_u64,
            "MemorySwap": 4_294_967_296_u64,
            "NanoCpus": 2_000_000_000,
            "OomScoreAdj": 500,
            "ShmSize": 268_435_456,
            "Ulimits": [
                { "Name": "core", "Soft": 0, "Hard": 0 },
                { "Name": "fsize", "Soft": 4_294_967_296_u64, "Hard": 4_294_967_296_u64 },
            ],
            "Tmpfs": {
                "/tmp": "rw,nosuid,nodev,exec,size=1g,mode=1777",
                "/run": "rw,nosuid,nodev,noexec,size=16m,mode=755",
            },
            "Mounts": [
                { "Type": "bind", "Source": "/w/tree", "Target": "/workspace", "ReadOnly": false,
                  "BindOptions": { "Propagation": "rprivate" } },
                { "Type": "bind", "Source": "/w/dotgit", "Target": "/workspace/.git", "ReadOnly": true,
                  "BindOptions": { "Propagation": "rprivate" } },
                { "Type": "volume", "Target": "/ccells/bin", "ReadOnly": false,
                  "VolumeOptions": { "NoCopy": true, "Labels": expected_labels() } },
            ],
            "PublishAllPorts": false,
            "AutoRemove": false,
            "RestartPolicy": { "Name": "no" },
            "LogConfig": { "Type": "json-file", "Config": { "max-size": "5m", "max-file": "2" } },
        })
    }

    /// Whatever is added to or taken from a container must be added or taken here, by hand, and be read by a reviewer.
    #[test]
    fn a_container_is_exactly_this() {
        let body = serde_json::to_value(create_body(&spec(), Api(1, 41))).unwrap();
        let expected = json!({
            "Image": "agent:1",
            "User": "1000:1001",
            "Labels": expected_labels(),
            "Env": ["A=1 2", "HOME=/home/agent", "TERM=dumb"],
            "Entrypoint": [],
            "Cmd": ["/ccells/bin/ccells-holder", "serve", "--socket", "/ccells/run/holder.sock",
                    "--resume=claude", "--resume=--continue", "--", "claude", "-p"],
            "WorkingDir": "/workspace",
            "Tty": false,
            "OpenStdin": false,
            "StopSignal": "SIGTERM",
            "StopTimeout": 10,
            "Healthcheck": { "Test": ["NONE"] },
            "HostConfig": expected_host_config(),
        });
        assert_eq!(body, expected, "{body:#}");
    }

    #[test]
    fn an_older_engine_is_not_asked_for_what_it_does_not_know() {
        let body = serde_json::to_value(create_body(&spec(), Api(1, 40))).unwrap();
        assert_eq!(body["HostConfig"].get("CgroupnsMode"), None);
    }
}
