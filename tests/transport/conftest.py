from collections.abc import Callable

import pytest

from tests.transport.worlds import World, memory_world, tcp_world


@pytest.fixture(params=[tcp_world, memory_world], ids=["tcp", "memory"])
def world(request: pytest.FixtureRequest) -> World:
    make: Callable[[], World] = request.param
    return make()
