//! Disks of our own, to fill up or to cut the power of: file systems in memory, or in a file by way of a loop device.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::{announce, eventually};

/// How much a disk in a file holds.
const SIZE: u64 = 96 * 1_024 * 1_024;
/// For how long a disk may be busy before it is quiet for once.
const QUIET: Duration = Duration::from_secs(20);

/// Kinds of file systems that can be made here; `CCELLS_DISKS` names those that are wanted (`ext4,xfs,btrfs`), the first
/// alone unless `all` of them are.
pub(crate) fn kinds(all: bool) -> Vec<Kind> {
    let wish = std::env::var("CCELLS_DISKS")
        .unwrap_or_else(|_| if all { "ext4,xfs,btrfs".to_string() } else { "ext4".to_string() });
    let known = [("ext4", Kind::Ext4), ("xfs", Kind::Xfs), ("btrfs", Kind::Btrfs)];
    let wanted = wish.split(',').map(|word| {
        let kind = known.iter().find(|(name, _)| *name == word);
        kind.unwrap_or_else(|| panic!("CCELLS_DISKS: {word:?} is none of {known:?}")).1
    });
    let (here, missing): (Vec<_>, Vec<_>) = wanted.partition(|kind| kind.can_be_made());
    let is_required = std::env::var("CCELLS_LOOP").is_ok_and(|value| value == "require");
    assert!(missing.is_empty() || !is_required, "CCELLS_LOOP=require, and there is no mkfs for {missing:?}");
    if !missing.is_empty() {
        announce(&format!("SKIPPED: there is no mkfs here for {missing:?}: tried on {here:?} only"));
    }
    here
}

/// A kind of file system in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// With its mercy for programs that rename without a sync turned off, and no commit of its own accord.
    Ext4,
    /// As it comes.
    Xfs,
    /// As it comes, but for its commit of its own accord.
    Btrfs,
}

impl Kind {
    fn can_be_made(self) -> bool {
        Command::new(self.make()[0]).arg("-V").output().is_ok()
    }

    fn make(self) -> &'static [&'static str] {
        match self {
            Self::Ext4 => &["mkfs.ext4", "-q", "-F", "-m", "0"],
            Self::Xfs => &["mkfs.xfs", "-q", "-f"],
            Self::Btrfs => &["mkfs.btrfs", "-q", "-f", "--mixed"],
        }
    }

    fn size(self) -> u64 {
        match self {
            Self::Ext4 => SIZE,
            // Smaller ones cannot be made.
            Self::Xfs => 320 * 1_024 * 1_024,
            Self::Btrfs => 2 * SIZE,
        }
    }

    fn options(self) -> &'static str {
        match self {
            Self::Ext4 => "loop,noauto_da_alloc,commit=300",
            Self::Xfs => "loop,nouuid",
            Self::Btrfs => "loop,commit=300",
        }
    }
}

/// Whether file systems can be mounted here; if not, that is said loudly, or refused with `CCELLS_LOOP=require`.
pub(crate) fn can_mount() -> bool {
    let can = Disk::can_be_made();
    let is_required = std::env::var("CCELLS_LOOP").is_ok_and(|value| value == "require");
    assert!(can || !is_required, "CCELLS_LOOP=require, and no loop device can be mounted here");
    if !can {
        announce("SKIPPED: no loop device can be mounted here (CCELLS_LOOP=require makes this a failure)");
    }
    can
}

/// Whether a file system in memory can be mounted here; said loudly if not, or refused as by [`can_mount`].
pub(crate) fn can_mount_memory() -> bool {
    let place = tempfile::tempdir().unwrap();
    let can =
        run("mount", &["-t", "tmpfs", "none", &text(place.path())]) && run("umount", &[&text(place.path())]);
    let is_required = std::env::var("CCELLS_LOOP").is_ok_and(|value| value == "require");
    assert!(can || !is_required, "CCELLS_LOOP=require, and nothing can be mounted here");
    if !can {
        announce("SKIPPED: nothing can be mounted here (CCELLS_LOOP=require makes this a failure)");
    }
    can
}

/// A small file system in memory, until it is dropped.
pub(crate) struct MemoryDisk {
    place: PathBuf,
}

impl MemoryDisk {
    /// Mounts one of `size` (in the words of mount) at `place`.
    pub(crate) fn mount(place: &Path, size: &str) -> Self {
        let options = format!("size={size},mode=0700");
        assert!(run("mount", &["-t", "tmpfs", "-o", &options, "none", &text(place)]), "it cannot be mounted");
        Self { place: place.to_path_buf() }
    }
}

impl Drop for MemoryDisk {
    fn drop(&mut self) {
        leave(&self.place);
    }
}

/// A file system in a file, by way of a loop device, until it is dropped.
pub(crate) struct Disk {
    kind: Kind,
    room: TempDir,
    place: Option<PathBuf>,
}

impl Disk {
    /// An empty one.
    pub(crate) fn make(kind: Kind) -> Self {
        let room = tempfile::Builder::new().prefix("ccells-disk-").tempdir_in("/var/tmp").unwrap();
        let disk = Self { kind, room, place: None };
        std::fs::File::create(disk.image()).unwrap().set_len(kind.size()).unwrap();
        let (program, words) = kind.make().split_first().expect("a command has a name");
        assert!(run(program, &[words, &[&text(&disk.image())]].concat()), "{kind:?} cannot be made");
        disk
    }

    fn can_be_made() -> bool {
        let mut disk = Self::make(Kind::Ext4);
        let place = disk.room.path().join("place");
        std::fs::create_dir(&place).unwrap();
        let can = run("mount", &["-o", Kind::Ext4.options(), &text(&disk.image()), &text(&place)]);
        disk.place = can.then_some(place);
        can
    }

    fn image(&self) -> PathBuf {
        self.room.path().join("image")
    }

    /// Mounts it at `place`.
    pub(crate) fn mount(&mut self, place: &Path) {
        let image = text(&self.image());
        assert!(run("mount", &["-o", self.kind.options(), &image, &text(place)]), "it cannot be mounted");
        self.place = Some(place.to_path_buf());
    }

    fn mounted(&self) -> &Path {
        self.place.as_ref().expect("it is mounted")
    }

    /// Has everything written down, as a test may before it begins.
    pub(crate) fn sync(&self) {
        assert!(run("sync", &["--file-system", &text(self.mounted())]));
    }

    /// Takes a copy of what the device holds at one instant, and nothing of what is on its way to it.
    pub(crate) fn take_image(&self) {
        let copy = text(&self.room.path().join("cut"));
        eventually("the device is quiet while it is copied", QUIET, || {
            let before = self.writes();
            assert!(run("cp", &["--sparse=always", &text(&self.image()), &copy]));
            (before == self.writes()).then_some(())
        });
    }

    /// How much the device has written, and how much it is writing.
    fn writes(&self) -> Vec<String> {
        let device =
            std::fs::metadata(self.mounted()).map(|it| std::os::unix::fs::MetadataExt::dev(&it)).unwrap();
        let device = if self.kind == Kind::Btrfs { self.loop_device() } else { numbers(device) };
        let stat = std::fs::read_to_string(format!("/sys/dev/block/{device}/stat")).unwrap();
        let words: Vec<&str> = stat.split_whitespace().collect();
        [4, 6, 8, 15].iter().filter_map(|at| words.get(*at)).map(ToString::to_string).collect()
    }

    /// The device of a file system that shows another one in its own numbers.
    fn loop_device(&self) -> String {
        let listed = Command::new("losetup")
            .args(["--noheadings", "--output", "MAJ:MIN", "--associated", &text(&self.image())])
            .output()
            .unwrap();
        String::from_utf8(listed.stdout).unwrap().trim().to_string()
    }

    /// Puts the copy in the place of the disk, as it is found after a power cut.
    pub(crate) fn go_on_from_image(&mut self) {
        let place = self.place.take().expect("it is mounted");
        // Two that say they are the same one cannot be mounted at once: nobody may use the old one any more.
        eventually("nobody uses the disk any more", QUIET, || run("umount", &[&text(&place)]).then_some(()));
        std::fs::remove_file(self.image()).unwrap();
        std::fs::rename(self.room.path().join("cut"), self.image()).unwrap();
        self.mount(&place);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Some(place) = &self.place {
            leave(place);
        }
    }
}

/// Unmounts what is at `place`, and takes the place away too, where it is one of nobody else's any more.
fn leave(place: &Path) {
    run("umount", &["--lazy", &text(place)]);
    let _kept = std::fs::remove_dir(place);
}

fn numbers(device: u64) -> String {
    format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device))
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_string()
}

fn run(program: &str, words: &[&str]) -> bool {
    let output = Command::new(program).args(words).output();
    let is_done = output.as_ref().is_ok_and(|output| output.status.success());
    if !is_done {
        let why = output.map(|output| String::from_utf8_lossy(&output.stderr).trim().to_string());
        announce(&format!("{program} {words:?}: {why:?}"));
    }
    is_done
}
