//! A disk of the server's own that can be filled up: a tmpfs, which only root can mount.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// The disk. It is unmounted when this goes out of scope, unless it is kept.
#[derive(Debug)]
pub(super) struct SmallDisk {
    path: PathBuf,
    kept: bool,
}

impl SmallDisk {
    /// Mounts a disk of so many bytes at `path`, which is created.
    pub(super) fn mount(path: &Path, bytes: u64) -> Result<Self> {
        std::fs::create_dir(path).with_context(|| format!("cannot create {}", path.display()))?;
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"])
            .arg(path)
            .output()
            .context("cannot run mount")?;
        let said = String::from_utf8_lossy(&mounted.stderr);
        ensure!(mounted.status.success(), "a tmpfs cannot be mounted: {}", said.trim());
        Ok(Self { path: path.to_owned(), kept: false })
    }

    /// Where the server's data lies.
    pub(super) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// Leaves no more than so many bytes free.
    pub(super) fn fill(&self, leaving: u64) -> Result<()> {
        let file = self.ballast()?;
        // What the server writes meanwhile takes from what is left, so that a few rounds are needed
        // where it takes it between the question and the answer.
        for _attempt in 0..100 {
            let system = statvfs(&self.path).context("cannot ask for the free space")?;
            let free = system.f_bavail.saturating_mul(system.f_frsize);
            let Some(more) = free.checked_sub(leaving).filter(|more| *more > 0) else {
                return Ok(());
            };
            let length = file.metadata().context("cannot measure the ballast")?.len();
            match fallocate(&file, FallocateFlags::empty(), length, more) {
                Ok(()) | Err(rustix::io::Errno::NOSPC) => {}
                Err(error) => return Err(error).context("cannot fill the disk"),
            }
        }
        Ok(())
    }

    /// Leaves it mounted: what it holds would be gone.
    pub(super) fn keep(&mut self) {
        self.kept = true;
    }

    /// Gives the room back.
    pub(super) fn clear(&self) -> Result<()> {
        self.ballast()?.set_len(0).context("cannot clear the disk")
    }

    fn ballast(&self) -> Result<File> {
        let path = self.path.join("ballast");
        OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if !self.kept {
            // Nobody is left who could be told of a failure.
            let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
        }
    }
}
