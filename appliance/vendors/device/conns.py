"""The conns of an ipsec.conf: which are tunnels, and what they take over from ``conn %default`` and ``also=``."""

from __future__ import annotations

import re

from appliance.model.address import IPNetwork
from appliance.vendors.conn import read_setting
from appliance.vendors.device.cloud import is_behind_nat
from appliance.vendors.device.openswan import Settings, as_strongswan, is_openswan
from appliance.vendors.draft import ConnectionDraft, Findings, TunnelDraft
from appliance.vendors.values import Place, Placeholder, parse_address

_DEFAULT = "%default"


class Conns:
    """Every conn as it is written; settings are read at the end, when it is known who inherits them."""

    def __init__(self, draft: ConnectionDraft, findings: Findings) -> None:
        self.draft = draft
        self.findings = findings
        self._settings: dict[str, Settings] = {}
        self._also: dict[str, list[tuple[str, Place]]] = {}
        self._tunnels: dict[str, TunnelDraft] = {}
        self._networks: dict[int, ConnectionDraft] = {}
        self._now = ""

    def begin(self, name: str, place: Place) -> None:
        """A conn; one whose name begins with % only lends its settings. A name that comes again is one conn more: a
        page may show several files."""
        self._now = name
        while not name.startswith("%") and self._now in self._settings:
            self._now += "'"
        self._settings.setdefault(self._now, {})
        self._also.setdefault(self._now, [])
        if not name.startswith("%"):
            tunnel = self._tunnels[self._now] = self.draft.begin_tunnel(place)
            self._networks[id(tunnel)] = ConnectionDraft(self.draft.profile)

    def networks_of(self, tunnel: TunnelDraft) -> ConnectionDraft:
        """Where the networks of this tunnel are said: conns with others are another connection's."""
        return self._networks[id(tunnel)]

    def connections(self) -> list[ConnectionDraft]:
        """The document's connection; without an identifier, one for each set of networks behind the gateways."""
        groups: dict[frozenset[IPNetwork], list[TunnelDraft]] = {}
        for tunnel in self.draft.tunnels:
            groups.setdefault(frozenset(self.networks_of(tunnel).networks.every()), []).append(tunnel)
        if self.draft.id.place is not None or len(groups) < 2:
            return [self._connection(self.draft, self.draft.tunnels)]
        draft = self.draft
        return [
            self._connection(ConnectionDraft(draft.profile, never=draft.never, empty_key=draft.empty_key), tunnels)
            for tunnels in groups.values()
        ]

    def _connection(self, draft: ConnectionDraft, tunnels: list[TunnelDraft]) -> ConnectionDraft:
        draft.tunnels = tunnels
        for tunnel in tunnels:
            draft.networks.join(self.networks_of(tunnel).networks)
            draft.local_networks.join(self.networks_of(tunnel).local_networks)
        return draft

    def say(self, key: str, text: str, place: Place) -> None:
        """One ``key=text`` of the conn that began last."""
        value = re.sub(r"(^| )#.*$", "", text).strip("\"' ")
        if key == "also":
            self._also[self._now].append((value, place))
        elif key in self._settings[self._now] and self._now in self._tunnels:
            self._read(key, value, place, self._tunnels[self._now])
        else:
            self._settings[self._now][key] = (value, place)
            if key == "right" and self._now in self._tunnels:
                self._read(key, value, place, self._tunnels[self._now])

    def settle(self) -> None:
        """Read every tunnel's settings, its own and inherited ones; drop conns that only lend theirs."""
        lent = {name for also in self._also.values() for name, _ in also}
        for name, tunnel in self._tunnels.items():
            if name in lent and "right" not in self._inherited(name, ()):
                self.draft.tunnels.remove(tunnel)
                continue
            self._settle(self._inherited(name, ()), tunnel, own=self._settings[name])
        self.findings.faults[:] = dict.fromkeys(self.findings.faults)
        self.findings.ignored[:] = sorted(dict.fromkeys(self.findings.ignored), key=lambda item: item.line)

    def _inherited(self, name: str, above: tuple[str, ...]) -> Settings:
        """A conn's settings; its own win over those of ``also``, and these over the default ones."""
        found: Settings = {} if above else dict(self._settings.get(_DEFAULT, {}))
        for other, place in self._also.get(name, []):
            if other in (*above, name):
                self._fault(place, other, "conns include one another", "remove one of the also lines")
            elif other not in self._settings:
                self._fault(place, other, "no such conn in this document", "give the file that has it too")
            else:
                found |= self._inherited(other, (*above, name))
        return found | self._settings[name]

    def _fault(self, place: Place, found: str, message: str, fix: str) -> None:
        self.findings.faults.append(place.fault(message, found=found, fix=fix))

    def _settle(self, settings: Settings, tunnel: TunnelDraft, own: Settings) -> None:
        plain = as_strongswan(settings, self.findings) if is_openswan(settings) else settings
        for key, (text, place) in plain.items():
            if not (key == "right" and key in own):
                self._read(key, text, place, tunnel)
        if "left" in plain:
            self._say_left(*plain["left"], tunnel)

    def _read(self, key: str, text: str, place: Place, tunnel: TunnelDraft) -> None:
        read_setting(key, text, place, self.networks_of(tunnel), tunnel, self.findings)

    def _say_left(self, text: str, place: Place, tunnel: TunnelDraft) -> None:
        """``left`` is our public address when nothing else says one and it is no private one."""
        if tunnel.public.place or tunnel.local_id.place or not re.fullmatch(r"[0-9A-Fa-f]*[.:][0-9A-Fa-f:.]+", text):
            return
        address = parse_address(text, place, self.findings.faults)
        if isinstance(address, Placeholder) or address is None or not is_behind_nat(address):
            tunnel.public.say(address, place)
