//! The images the tests run, made of what is on this machine: no registry is asked.

use std::path::{Path, PathBuf};
use std::process::Command;

use tar::{Builder, EntryType, Header};

use crate::camp::Plain;

/// A busybox and nothing else.
pub(crate) const IMAGE: &str = "ccells-test-busybox:2";
/// The same with git.
const WITH_GIT: &str = "ccells-test-git:1";

/// Makes [`IMAGE`] where it is missing.
pub(crate) fn plain(engine: &Plain) {
    if !is_there(engine, IMAGE) {
        import(engine, IMAGE, busybox());
    }
}

/// Makes the image with git where it is missing: this machine's git, and the libraries it names.
pub(crate) fn with_git(engine: &Plain) -> &'static str {
    if !is_there(engine, WITH_GIT) {
        let mut archive = busybox();
        for path in git_and_its_libraries() {
            let name = path.strip_prefix("/").unwrap().to_str().unwrap().to_string();
            add(&mut archive, &name, EntryType::Regular, 0o755, &std::fs::read(&path).unwrap(), None);
        }
        import(engine, WITH_GIT, archive);
    }
    WITH_GIT
}

fn is_there(engine: &Plain, image: &str) -> bool {
    engine.ask("GET", &format!("/images/{image}/json"), "text/plain", b"").unwrap().0 == 200
}

fn import(engine: &Plain, image: &str, archive: Builder<Vec<u8>>) {
    let (name, tag) = image.split_once(':').unwrap();
    let path = format!("/images/create?fromSrc=-&repo={name}&tag={tag}");
    let (status, body) =
        engine.ask("POST", &path, "application/x-tar", &archive.into_inner().unwrap()).unwrap();
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
}

fn busybox() -> Builder<Vec<u8>> {
    let busybox =
        std::fs::read("/bin/busybox").expect("the tests need a static /bin/busybox (busybox-static)");
    let mut archive = Builder::new(Vec::new());
    for dir in ["bin", "etc", "home", "home/agent", "usr", "usr/bin", "workspace"] {
        add(&mut archive, dir, EntryType::Directory, 0o755, b"", None);
    }
    add(&mut archive, "bin/busybox", EntryType::Regular, 0o755, &busybox, None);
    for applet in [
        "sh", "sleep", "cat", "id", "touch", "dd", "true", "false", "stat", "stty", "grep", "ls", "head",
        "wc",
    ] {
        add(&mut archive, &format!("bin/{applet}"), EntryType::Symlink, 0o777, b"", Some("busybox"));
    }
    archive
}

fn add(
    archive: &mut Builder<Vec<u8>>,
    name: &str,
    kind: EntryType,
    mode: u32,
    bytes: &[u8],
    target: Option<&str>,
) {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(bytes.len() as u64);
    header.set_mtime(0);
    if let Some(target) = target {
        header.set_link_name(target).unwrap();
    }
    archive.append_data(&mut header, name, bytes).unwrap();
}

/// `ldd` names libraries as `libz.so.1 => /lib/…/libz.so.1 (0x…)`, and the loader as `/lib64/… (0x…)`.
fn git_and_its_libraries() -> Vec<PathBuf> {
    let git = Path::new("/usr/bin/git");
    let listed = Command::new("ldd").arg(git).output().expect("ldd comes with the C library");
    let text = String::from_utf8(listed.stdout).unwrap();
    let libraries = text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from);
    std::iter::once(git.to_path_buf()).chain(libraries).collect()
}
