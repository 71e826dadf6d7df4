#!/bin/bash
# What the guides of the clouds have charon run when a tunnel comes and goes: NAME INSIDE/LENGTH THEIRS MARK
name=$1 inside=$2 theirs=$3 mark=$4
case "$PLUTO_VERB" in
up-client)
    ip link add "$name" type vti local "$PLUTO_ME" remote "$PLUTO_PEER" key "$mark"
    ip address add "$inside" remote "$theirs" dev "$name"
    ip link set "$name" up mtu 1419
    sysctl -q -w net.ipv4.ip_forward=1 "net.ipv4.conf.$name.rp_filter=2" "net.ipv4.conf.$name.disable_policy=1"
    iptables -t mangle -C FORWARD -o "$name" -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu 2>/dev/null ||
        iptables -t mangle -A FORWARD -o "$name" -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
    iptables -C FORWARD -o "$name" -j ACCEPT 2>/dev/null || iptables -A FORWARD -o "$name" -j ACCEPT
    echo "$name $(date +%s)" > /run/vpn_last_switch
    ;;
down-client)
    iptables -t mangle -D FORWARD -o "$name" -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
    iptables -D FORWARD -o "$name" -j ACCEPT
    ip link delete "$name"
    ;;
esac
