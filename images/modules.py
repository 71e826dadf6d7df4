"""Which kernel modules the machine has: those for the disks and cards of clouds and of QEMU, and for what it does. What
every such machine needs at once (PCI, NVMe, ext4, fq_codel) is in the kernel itself."""

from __future__ import annotations

from pathlib import Path

from staging import Job, at_workbench

DISKS = (
    *("virtio_blk", "virtio_scsi", "xen-blkfront", "xen-scsifront", "hv_storvsc", "vmw_pvscsi", "ahci"),
    *("ata_piix", "ata_generic", "sd_mod", "sr_mod", "loop"),
)
FILES = (*("isofs", "vfat", "efivarfs", "configfs", "autofs4", "nls_ascii", "nls_cp437", "nls_iso8859_1", "nls_utf8"),)
"""What the boot partition, and a seed for cloud-init, can hold. The root itself stands by what the initrd loaded."""
CARDS = (
    *("virtio_net", "net_failover", "ena", "gve", "idpf", "ixgbevf", "mana", "mlx5_core", "hv_netvsc"),
    *("vmxnet3", "xen-netfront"),
)
MACHINES = (
    *("virtio_mmio", "virtio_balloon", "virtio-rng", "virtio_iommu", "qemu_fw_cfg"),
    *("hv_vmbus", "hv_utils", "hv_balloon", "hyperv-keyboard", "pci-hyperv", "xen-pcifront", "ptp_kvm", "ptp_vmw"),
    *("button", "i6300esb", "softdog", "pvpanic*", "evdev", "serio_raw"),
)
LINKS = ("xfrm_interface", "dummy", "vrf", "veth", "8021q", "bonding", "bridge", "macvlan", "ipvlan", "tun", "ifb")
TUNNELS = (
    *("esp4", "esp6", "esp4_offload", "esp6_offload", "xfrm_user", "xfrm_algo", "authenc", "authencesn", "echainiv"),
    *("seqiv", "gcm", "ccm", "cmac", "xcbc", "cts", "ghash-*", "aesni-intel", "cryptd", "crypto_simd", "crypto_null"),
    *("chacha*", "poly1305*", "libchacha*", "libpoly1305", "des_generic", "des3_ede-x86_64"),
    *("sha1-ssse3", "sha256*", "sha512*", "crc32*", "crct10dif*", "libcrc32c", "udp_tunnel", "ip6_udp_tunnel"),
)
FILTERS = (
    *("nf_tables", "nft_*", "nf_conntrack", "nf_conntrack_netlink", "nf_nat", "nf_log_syslog", "nf_flow_table*"),
    *("nf_reject_*", "nf_defrag_*", "nfnetlink", "nfnetlink_log", "nfnetlink_hook", "nfnetlink_queue"),
)
SHAPING = (
    *("sch_fq", "sch_cake", "sch_htb", "sch_tbf", "sch_prio", "sch_ingress", "sch_netem", "cls_u32"),
    *("cls_flower", "cls_matchall", "cls_fw", "act_mirred", "act_police", "act_gact", "act_skbedit", "tcp_bbr"),
)
LOOKING = ("inet_diag", "tcp_diag", "udp_diag", "raw_diag", "unix_diag", "netlink_diag", "af_packet_diag", "xsk_diag")
"""What ss(8) asks."""
KEPT = (*DISKS, *FILES, *CARDS, *MACHINES, *LINKS, *TUNNELS, *FILTERS, *SHAPING, *LOOKING)
"""As fnmatch(3) has it; with each go those it needs."""


def read_needs(folder: Path) -> dict[str, list[Path]]:
    """What modules.dep(5) says: under each module's name its own file, then those it needs."""
    needs = {}
    for line in (folder / "modules.dep").read_text().splitlines():
        name, _, rest = line.partition(":")
        needs[name_of(name)] = [Path(name), *map(Path, rest.split())]
    return needs


def name_of(file: str) -> str:
    """As the kernel spells it."""
    return Path(file).name.partition(".")[0].replace("-", "_")


def is_meant(name: str, wanted: str) -> bool:
    """Whether a module is one of those that a line of the list names."""
    return Path(name).match(wanted.replace("-", "_"))


def clear_modules(job: Job) -> None:
    """Remove the others, and unpack what stays: the file system packs it, and the kernel loads it sooner."""
    (folder,) = (job.tree / "usr/lib/modules").iterdir()
    needs = read_needs(folder)
    kept = {path for wanted in KEPT for name, paths in needs.items() if is_meant(name, wanted) for path in paths}
    others = [str(path) for name, (path, *_) in needs.items() if path not in kept]
    (job.work / "others").write_text("".join(f"{path}\n" for path in sorted(others)))
    unpack = "xargs rm < /mnt/others && find . -name '*.ko.xz' -exec xz -d {} + && find . -type d -empty -delete"
    index = f"depmod -b /mnt/tree {folder.name} && rm modules.alias modules.symbols"  # kmod reads the packed ones
    at_workbench(job, f"cd /mnt/tree/usr/lib/modules/* && {unpack} && {index}")
