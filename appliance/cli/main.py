"""The command ``appliance``: finds the verb's file, and turns our errors into a message, a hint and an exit code."""

from __future__ import annotations

import atexit
import gc
import sys
from importlib import import_module
from typing import Any

import click

from appliance import __version__
from appliance.cli.compiled import keep_methods
from appliance.cli.output import report_defect, report_error
from appliance.model.fault import ApplianceError

VERBS = {
    "import": "importing",
    "configure": "configure",
    "status": "statuses",
    "plan": "planning",
    "apply": "applying",
    "connection": "connections",
    "down": "downing",
    "tunnel": "tunnels",
    "run": "running",
    "validate": "validate",
    "schema": "schema",
    "render": "rendering",
    "first-boot": "first_boot",
    "image": "image",
    "lab": "lab",
}
"""Verb -> file in this folder. A verb's libraries are imported only when it is the one called."""


SUMMARIES = {
    "import": "Read a cloud's documents, print the intent they make.",
    "configure": "The whole way from a cloud's document to traffic.",
    "status": "Every connection, tunnel and prefix; what to do next.",
    "plan": "What an apply would change, and what traffic feels.",
    "apply": "Carry out the plan, touch nothing else.",
    "connection": "The cloud connections of this machine.",
    "down": "Take a connection down, or everything that is ours.",
    "tunnel": "Operate one tunnel: drain, switch, restart, a new key.",
    "run": "The daemon: keep this machine as it was applied.",
    "validate": "Check an intent against itself and its cloud's rules.",
    "schema": "The JSON Schema of an intent, for editors.",
    "render": "What charon, FRR and nftables would be told.",
    "first-boot": "What user-data asks for, once per instance.",
    "image": "The appliance as a machine image: build, verify, boot.",
    "lab": "Networks to try everything in, without a cloud.",
}
"""Verb -> what the list of verbs says; the verb's own help, cut short, where there is nothing."""


class LazyGroup(click.Group):
    """A group whose verbs are imported on use, so that ``--help`` and small verbs start fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs, without importing what is behind them."""
        with formatter.section("Commands"):
            formatter.write_dl([(verb, SUMMARIES.get(verb) or self._short_help(ctx, verb)) for verb in VERBS])

    def _short_help(self, ctx: click.Context, verb: str) -> str:
        command = self.get_command(ctx, verb)
        return command.get_short_help_str(60) if command else ""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command = _import_file(f"appliance.cli.{VERBS[cmd_name]}").command
        assert isinstance(command, click.Command)
        return command


def _import_file(name: str) -> Any:
    """Nothing that an import makes is garbage: a tenth of its time would go into looking for some."""
    if name not in sys.modules:
        gc.disable()
        import_module(name)
        gc.freeze()
        gc.enable()
    return sys.modules[name]


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="appliance")
def cli() -> None:
    """Join your network to a cloud's VPN gateway: IPsec tunnels, BGP, ECMP and failover from the cloud's own document.

    \b
    Have a download from your cloud?
      appliance import vpn-0123.txt                  what it says, and what it leaves out
      appliance configure --bgp --from vpn-0123.txt  the whole way, with a plan first
    No cloud at hand?
      appliance lab run aws-bgp-ecmp                 the same in a lab
    """


def leave_out_openssl() -> None:
    """asyncio and hashlib load OpenSSL wherever they find it: 7 MB of the running daemon, and nobody here speaks TLS.
    Both do without it (an import that is set to None fails), and Python has its own digests."""
    for name in ("ssl", "_hashlib"):
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]


def main() -> None:
    """Entry point: no traceback ever reaches a user; exit codes are those of the contract."""
    leave_out_openssl()
    methods = keep_methods()
    atexit.register(methods.save)
    as_json = "--json" in sys.argv[1 : sys.argv.index("--") if "--" in sys.argv else None]
    sys.excepthook = lambda kind, error, trace: report_defect(kind, error, trace, as_json)
    try:
        sys.exit(cli.main(standalone_mode=False, prog_name="appliance") or 0)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.Abort:
        sys.exit(report_error(ApplianceError("interrupted", code="interrupted"), as_json))
    except click.ClickException as usage:
        sys.exit(report_error(usage, as_json))
    except ApplianceError as error:
        sys.exit(report_error(error, as_json))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        sys.exit(report_error(ApplianceError(f"{error.strerror}: {error.filename}", code="system"), as_json))


if __name__ == "__main__":
    main()
