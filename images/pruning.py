"""What of Debian's packages no running machine of ours reads, and what would make two builds differ or one unsafe."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from staging import Job

from build import HERE, run

SHARE = (
    *("doc", "man", "info", "lintian", "locale", "perl5", "perl", "bash-completion", "zsh", "vim", "i18n", "apport"),
    *("applications", "bug", "debconf", "dict", "doc-base", "fish", "gcc", "gdb", "keyrings", "menu", "pixmaps"),
    *("polkit-1", "python3", "readline", "runit", "strongswan", "ucf"),
)
"""Among them what installs Python packages (python3), and byte code with the time of that in it."""
SYSTEM = (
    *("perl", "perl5.40.1", "localedef", "sqv", "openssl", "c_rehash", "iconv", "bashbug", "busybox", "cpio"),
    *("dpkg", "dpkg-*", "deb-*", "debconf*", "apt", "apt-*", "ucf*", "update-alternatives", "select-editor"),
    *("sensible-*", "lsinitramfs", "unmkinitramfs", "linux-*", "kernel-install", "infocmp", "infotocap", "captoinfo"),
    *("tic", "toe", "tabs", "mt", "mt-gnu", "eject", "script", "scriptlive", "scriptreplay", "gzexe", "lsb_release"),
    *("chardet*", "normalizer", "json*", "pydoc3*", "pygettext3*", "pdb3*", "py3*", "pt-tls-client", "tpm_extendpcr"),
    *("ssh", "ssh-a*", "ssh-copy-id", "ssh-keyscan", "sftp", "scp", "dbus-monitor", "dbus-run-session", "lsof", "rdma"),
    *("systemd-confext", "systemd-sysext", "systemd-hwdb", "systemd-firstboot", "systemd-vpick", "run0"),
    *("systemd-*-agent", "systemd-ask-password", "systemd-inhibit", "systemd-stdio-bridge", "localectl"),
    *("chage", "chfn", "chsh", "expiry", "gpasswd", "login", "newgrp", "passwd", "sg", "su", "wall", "write"),
    *("chcon", "csplit", "dir", "factor", "hardlink", "hostid", "ipc[mr]*", "lscpu", "lsipc", "lslogins", "lsmem"),
    *("lsns", "numfmt", "partx", "pinky", "pr", "ptx", "runcon", "shred", "tsort", "vdir", "wdctl"),
)
"""Programs: for packages, for making images and terminals, for going elsewhere from here, for users and passwords,
which this machine has none of."""
ADMINISTRATION = (
    *("arpd", "capsh", "cfdisk", "cgdisk", "dcb", "debugfs", "devlink", "e2freefrag", "e2image", "e2scrub*", "e2undo"),
    *("e4crypt", "e4defrag", "fdisk", "filefrag", "fixparts", "gdisk", "genl", "iconvconfig", "invoke-rc.d"),
    *("dpkg-*", "ldconfig", "locale-gen", "logrotate", "logsave", "mkinitramfs", "newusers", "pam-auth-update"),
    *("rmt-tar", "rtacct", "sfdisk", "sgdisk", "tarcat", "tipc", "update-*", "useradd", "userdel", "usermod"),
    *("validlocale", "vdpa", "zic", "zramctl", "adduser", "addgroup", "delgroup", "deluser", "ch*passwd", "group*"),
    *("grp*", "pwck", "*pwconv", "pwun*", "unix_update", "vigr", "vipw", "blkzone", "chcpu", "chmem", "ldattach"),
    *("mkswap", "readprofile", "rtcwake", "rtmon", "swap*"),
)
LIBRARIES = (
    *("apt", "binfmt.d", "dpkg", "dracut", "kernel", "klibc*", "runit-helper", "sasl2", "valgrind"),
    *("udev/hwdb.d", "udev/hwdb.bin", "openssh/ssh-*", "systemd/catalog", "systemd/repart", "systemd/ukify"),
    *(f"x86_64-linux-gnu/{name}" for name in ("engines-3", "frr/modules", "gconv", "krb5", "perl-base", "sasl2")),
    "x86_64-linux-gnu/security/pam_userdb.so",
)
UNITS = (
    *("apt-*", "bluetooth*", "cryptdisks*", "dpkg-*", "e2scrub*", "fstrim*", "logrotate*", "quota*", "rc-local*"),
    *("smartcard*", "sound*", "printer*", "usb-gadget*", "x11-*", "hibernate*", "hybrid-*", "suspend*", "sleep*"),
    *(f"systemd-{name}*" for name in ("ask-password", "backlight", "battery", "binfmt", "boot-check", "bsod")),
    *(f"systemd-{name}*" for name in ("confext", "firstboot", "hibernate", "hwdb", "hybrid", "journal-catalog")),
    *(f"systemd-{name}*" for name in ("localed", "pcr", "pstore", "quota", "rfkill", "storagetm", "suspend")),
    *(f"systemd-{name}*" for name in ("sysext", "sysusers", "system-update", "tpm2", "update-done")),
    *("sys-kernel-debug*", "sys-kernel-tracing*", "dev-hugepages*", "dev-mqueue*", "proc-sys-fs-binfmt*", "ldconfig*"),
)
"""Of systemd: what nothing here is for, some of which would start at every boot."""
DAEMONS = (
    *("backlight", "battery-check", "binfmt", "bsod", "hibernate-resume", "keyutil", "localed", "logind", "measure"),
    *("pcr*", "pstore", "quotacheck", "rfkill", "sbsign", "sleep", "storagetm", "tpm2-setup", "update-done"),
    "xdg-*",
)
GENERATORS = ("hibernate-resume", "rc-local", "run", "system-update", "sysv", "tpm2")
STANDARD = (
    *("antigravity", "cProfile", "curses", "dbm", "doctest", "ensurepip", "idlelib", "imaplib", "lib2to3", "mailbox"),
    *("poplib", "profile", "pstats", "pyclbr", "pydoc", "pydoc_data", "_pydecimal", "_pyio", "sqlite3"),
    *("tabnanny", "test", "this", "tkinter", "trace", "turtle", "turtledemo", "venv", "wsgiref", "xmlrpc"),
    *(f"lib-dynload/{name}" for name in ("_codecs_*", "_ctypes_test*", "_curses*", "_dbm*", "_sqlite3*", "_test*")),
    *(
        "lib-dynload/_xxtest*",
        "lib-dynload/xx*",
        "encodings/cp[2-9]*",
        "encodings/cp1[0134]*",
        "encodings/cp125[013-8]*",
        "encodings/mac_*",
        "encodings/koi8*",
    ),
    *("encodings/iso8859_[2-9]*", "encodings/iso8859_1[0-6]*", "encodings/iso2022*", "encodings/euc*"),
    *("encodings/big5*", "encodings/gb*", "encodings/johab*", "encodings/shift*", "encodings/kz*", "encodings/pt*"),
)
"""Parts of Python's library."""
DISTRIBUTED = (
    *("pip", "_cffi_backend*", "bcrypt*", "blinker*", "chardet*", "cryptography*", "jwt*", "oauthlib*", "pyjwt*"),
    *("PyJWT*", "jsonschema*", "referencing*", "rpds*", "attr", "attrs*"),
    *("_yaml", "yaml", "PyYAML*", "jinja2*", "markupsafe*", "MarkupSafe*"),
    *(f"cloudinit/sources/{name}" for name in ("azure", "helpers/azure*", "helpers/vmware", "helpers/vultr*")),
    *(f"cloudinit/sources/DataSource{name}*" for name in ("A[kz]*", "Alt*", "B*", "Cloud*", "D*", "Exo*", "GCE*")),
    *(f"cloudinit/sources/DataSource{name}*" for name in ("Hetz*", "LXD*", "MAAS*", "NW*", "O*", "[R-Z]*")),
)
"""Python packages: what cloud-init recommends for clouds other than those it is set up for here, and for judging
user-data beforehand; what the wheels bring too, in the version that is pinned."""
ROUTING = (
    *("babeld", "eigrpd", "fabricd", "isisd", "ldpd", "nhrpd", "ospf6d", "ospfd", "pathd", "pbrd", "pim6d", "pimd"),
    *("ripd", "ripngd", "vrrpd", "*.py", "frr-reload"),
)
"""FRR's daemons for what we do not speak."""
OTHERS = (
    # The bundle of certificates and the groups built into sshd do without these.
    *("usr/share/ca-certificates", "etc/ssl/certs/*.0", "etc/ssl/certs/*.pem", "etc/ssh/moduli"),
    *("opt/appliance/wheels/etc", "usr/include", "usr/share/zoneinfo/right", "usr/share/initramfs-tools"),
    *("var/lib/apt", "var/lib/dpkg/info"),
    *("var/cache/apt", "var/cache/ldconfig", "var/cache/debconf", "var/log", "boot", "initrd.img", "vmlinuz"),
    *("initrd.img.old", "vmlinuz.old", "proc", "sys", "dev", "run", "tmp"),
)
FOLDERS = ("proc", "sys", "dev", "run", "tmp", "state", "var/log", "var/cache", "boot")


def not_needed() -> tuple[str, ...]:
    """Paths below the root, as a shell takes them."""
    return (
        *(f"usr/share/{name}" for name in SHARE),
        *(f"usr/bin/{name}" for name in SYSTEM),
        *(f"usr/sbin/{name}" for name in ADMINISTRATION),
        *(f"usr/lib/{name}" for name in LIBRARIES),
        *(f"usr/lib/systemd/system/{name}" for name in UNITS),
        *(f"usr/lib/systemd/systemd-{name}" for name in DAEMONS),
        *(f"usr/lib/systemd/system-generators/systemd-{name}-generator" for name in GENERATORS),
        *(f"usr/lib/python3.13/{name}{kind}" for name in STANDARD for kind in ("", ".pyc")),
        *(f"usr/lib/python3/dist-packages/{name}" for name in DISTRIBUTED),
        *(f"usr/lib/frr/{name}" for name in ROUTING),
        *OTHERS,
    )


def not_loaded(tree: Path) -> list[str]:
    """Plugins that charon is told to leave where they are."""
    words = re.findall(r"^ +load = (.+)$", (HERE / "strongswan.conf").read_text(), re.MULTILINE)
    loaded = {f"libstrongswan-{name}.so" for line in words for name in line.split()}
    return [str(path.relative_to(tree)) for path in tree.glob("usr/lib/ipsec/plugins/*.so") if path.name not in loaded]


def clear_tree(job: Job) -> None:
    """Nothing of the build host, of this build's hour, of an identity, and no way to become another user."""
    others = " ".join((*not_needed(), *sorted(not_loaded(job.tree))))
    script = (
        f"cd {shlex.quote(str(job.tree))}; rm -rf --one-file-system {others}; "
        f"mkdir -p {' '.join(FOLDERS)}; chmod 1777 tmp; "
        "find usr/lib/systemd -xtype l -delete; "
        "find . -xdev -perm /6000 -type f -exec chmod ug-s {} +; : > etc/machine-id; rm -f var/lib/dbus/machine-id; "
        "rm -f etc/ssh/ssh_host_* etc/*- var/lib/systemd/random-seed var/lib/dpkg/*-old etc/ld.so.cache.new; "
        "rm -rf root/.[!.]* root/* etc/apt/apt.conf.d/99mmdebstrap; echo appliance > etc/hostname; "
        "sed -i 's/^\\([^:]*:[^:]*\\):[0-9]*:/\\1:20000:/' etc/shadow; "
        # As old as /usr: systemd has nothing to renew at the first start (systemd-update-done.service(8)).
        ": > etc/.updated; : > var/.updated"
    )
    run("sh", "-ec", script, as_root=True)
