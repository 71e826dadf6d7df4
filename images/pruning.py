"""What of Debian's packages no running machine of ours reads, and what would make two builds differ or one unsafe."""

from __future__ import annotations

import shlex

from staging import Job, at_workbench

from build import run

SHARE = (
    *("doc", "man", "info", "lintian", "locale", "perl5", "perl", "bash-completion", "zsh", "vim", "i18n"),
    "python3",
)
"""The last is what installs Python packages, and byte code with the time of that in it."""
PROGRAMS = (
    *("perl", "perl5.40.1", "localedef", "ssh-keyscan", "sqv", "openssl"),
    *("apt", "apt-cache", "apt-cdrom", "apt-config", "apt-get", "apt-mark"),
)
LIBRARIES = ("apt", "klibc", "udev/hwdb.d", "udev/hwdb.bin", "x86_64-linux-gnu/gconv", "x86_64-linux-gnu/perl-base")
STANDARD = ("ensurepip", "idlelib", "pydoc_data", "test", "turtledemo")
"""Parts of Python's library."""
DISTRIBUTED = ("pip", "_cffi_backend*", "bcrypt", "blinker", "chardet", "cryptography", "jwt", "oauthlib")
"""Python packages that cloud-init recommends for clouds other than those it is set up for here."""
ROUTING = (
    *("babeld", "eigrpd", "fabricd", "isisd", "ldpd", "nhrpd", "ospf6d", "ospfd", "pathd", "pbrd", "pim6d", "pimd"),
    *("ripd", "ripngd", "vrrpd"),
)
"""FRR's daemons for what we do not speak."""
MODULES = {
    "arch/x86": ("kvm",),
    "drivers": (
        *("accel", "bluetooth", "comedi", "cxl", "dax", "firewire", "gpu", "hid", "infiniband", "media", "memstick"),
        *("mmc", "mtd", "parport", "pcmcia", "soundwire", "staging", "target", "thunderbolt", "usb", "vdpa", "vfio"),
        *("w1", "block/drbd", "md/bcache", "md/dm-vdo", "net/can", "net/usb", "net/wireless", "net/wwan"),
        "nvme/target",
    ),
    "fs": (
        *("afs", "bcachefs", "btrfs", "ceph", "dlm", "ecryptfs", "exfat", "f2fs", "gfs2", "hfs", "hfsplus", "jfs"),
        *("lockd", "nfs", "nfs_common", "nfsd", "nilfs2", "ntfs3", "ocfs2", "orangefs", "smb", "ubifs", "udf", "ufs"),
        *("xfs", "zonefs"),
    ),
    "net": (
        *("6lowpan", "9p", "atm", "ax25", "batman-adv", "bluetooth", "can", "ceph", "dsa", "ieee802154", "mac80211"),
        *("netfilter/ipset", "netfilter/ipvs", "nfc", "openvswitch", "rds", "rxrpc", "sctp", "smc", "sunrpc", "tipc"),
        "wireless",
    ),
}
"""Kernel modules, by folder: machines that are no routers, disks that are no state of ours."""
OTHERS = (
    *("usr/include", "usr/share/zoneinfo/right", "usr/share/initramfs-tools", "var/lib/apt", "var/lib/dpkg/info"),
    *("var/cache/apt", "var/cache/ldconfig", "var/cache/debconf", "var/log", "boot", "initrd.img", "vmlinuz"),
    *("initrd.img.old", "vmlinuz.old", "proc", "sys", "dev", "run", "tmp"),
)
FOLDERS = ("proc", "sys", "dev", "run", "tmp", "state", "var/log", "var/cache", "boot")


def not_needed() -> tuple[str, ...]:
    """Paths below the root, as a shell takes them."""
    return (
        *(f"usr/share/{name}" for name in SHARE),
        *(f"usr/bin/{name}" for name in PROGRAMS),
        *(f"usr/lib/{name}" for name in LIBRARIES),
        *(f"usr/lib/python3.13/{name}" for name in STANDARD),
        *(f"usr/lib/python3/dist-packages/{name}" for name in DISTRIBUTED),
        *(f"usr/lib/frr/{name}" for name in ROUTING),
        *(f"usr/lib/modules/*/kernel/{place}/{name}" for place, names in MODULES.items() for name in names),
        *OTHERS,
    )


def clear_tree(job: Job) -> None:
    """Nothing of the build host, of this build's hour, of an identity, and no way to become another user."""
    script = (
        f"cd {shlex.quote(str(job.tree))}; rm -rf --one-file-system {' '.join(not_needed())}; "
        f"mkdir -p {' '.join(FOLDERS)}; chmod 1777 tmp; "
        "find . -xdev -perm /6000 -type f -exec chmod ug-s {} +; : > etc/machine-id; rm -f var/lib/dbus/machine-id; "
        "rm -f etc/ssh/ssh_host_* etc/*- var/lib/systemd/random-seed var/lib/dpkg/*-old etc/ld.so.cache.new; "
        "rm -rf root/.[!.]* root/* etc/apt/apt.conf.d/99mmdebstrap; echo appliance > etc/hostname; "
        "sed -i 's/^\\([^:]*:[^:]*\\):[0-9]*:/\\1:20000:/' etc/shadow; "
        # As old as /usr: systemd has nothing to renew at the first start (systemd-update-done.service(8)).
        ": > etc/.updated; : > var/.updated"
    )
    run("sh", "-ec", script, as_root=True)
    at_workbench(job, "depmod -b /mnt/tree $(ls /mnt/tree/usr/lib/modules)")
