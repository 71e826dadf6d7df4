"""Doors as the contracts take them: each on its fake, and on the real thing where this machine has that."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contracts.charons import FakeBench, RealBench
from tests.contracts.kernels import ONE, TWO, AnyKernel, RealKernel, build
from tests.contracts.namespace import own_namespace
from tests.fakes.kernel import FakeKernel
from tests.ipsec import rig


@pytest.fixture(scope="module", params=["fake", "real"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if request.param == "fake":
        yield FakeBench()
        return
    rig.require_charon()
    folder = tmp_path_factory.mktemp("charons")
    with rig.two_charons(folder) as (us, cloud):
        yield RealBench(us, cloud)


@pytest.fixture
def bench(shared: Any) -> Any:
    shared.clear()
    return shared


@pytest.fixture(params=["fake", "linux"])
def kernel(request: pytest.FixtureRequest) -> Iterator[AnyKernel]:
    if request.param == "fake":
        yield FakeKernel()
        return
    with own_namespace():
        yield RealKernel()


@pytest.fixture
def xfrm(kernel: AnyKernel) -> AnyKernel:
    """The kernel, where it can hold tunnels."""
    for lack in asyncio.run(kernel.lacks()):
        pytest.skip(f"{lack.message}: {lack.hint}")
    return kernel


@pytest.fixture
def linked(kernel: AnyKernel) -> AnyKernel:
    """The kernel with two links that routes can lead over, tunnels or not."""
    if any("XFRM" in lack.message for lack in asyncio.run(kernel.lacks())):
        kernel.add_foreign_link("vpc-1", mtu=ONE.mtu)
        kernel.add_foreign_link("vpc-2", mtu=TWO.mtu)
    else:
        build(kernel, ONE, TWO)
    return kernel


@pytest.fixture
def linux() -> Iterator[RealKernel]:
    with own_namespace():
        yield RealKernel()
