"""A disk whose power can be cut: an ext4 in a file, which loses whatever was not flushed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.worlds import World

THROUGH = ("unshare", "--mount")
"""What to start a process through that mounts the disk: for itself alone."""
POWER = """
import fcntl, os, struct, subprocess, sys
image, disk, *command = sys.argv[1:]
def mount():
    subprocess.run(["mount", "-o", "loop,commit=600", image, disk], check=True)
def cut_power():
    # the file system stops here and now, its journal unwritten: ext4's EXT4_IOC_SHUTDOWN, without a flush
    fd = os.open(disk, os.O_RDONLY)
    fcntl.ioctl(fd, 0x8004587D, struct.pack("I", 2))
    os.close(fd)
    subprocess.run(["umount", disk], check=True)
    mount()
mount()
"""
"""The beginning of a script with the disk's image, the disk and what it likes as arguments: it is mounted now."""


def disk_of(world: World) -> tuple[Path, Path]:
    """Return the image of a new, empty disk, and the folder to mount it on; skips the test where nobody may mount."""
    image, disk = world.root / "image", world.root / "disk"
    disk.mkdir()
    with image.open("wb") as file:
        file.truncate(32 << 20)
    probe = ["sh", "-c", 'mkfs.ext4 -q "$0" && unshare --mount mount -o loop "$0" "$1"', str(image), str(disk)]
    if os.geteuid() != 0 or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("a disk to cut the power of needs root, ext4 and loop devices")
    return image, disk
