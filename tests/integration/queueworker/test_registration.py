from __future__ import annotations

from queuecore.store.attempts.leases import WorkerIdentity
from queuecore.store.scripts.keys import QUEUES, TYPES
from queuecore.testing.store import TestStore
from queueworker.handlers.registry import HandlerRegistry
from queueworker.roles.registration import Registration
from queueworker.runs.slots import Slots
from tests.integration.queueworker.handlers import app, run_async


async def test_queues_and_types_are_registered_again_when_the_store_has_lost_them(store: TestStore) -> None:
    handlers = HandlerRegistry()
    handlers.add_app(app)
    registration = Registration(
        directory=store.directory,
        identity=WorkerIdentity("worker", "pod"),
        queues=["a", "b"],
        handlers=handlers,
        slots=Slots(1),
        draining=lambda: False,
    )
    await registration.tick()
    await store.server.command("DEL", QUEUES)
    await store.server.command("HDEL", TYPES, "async")
    await store.directory.register_types({"thread": b'{"of":"a newer release"}'})
    await registration.tick()
    assert registration.last_error is None
    assert await store.queues.names() == ["a", "b"]
    types = await store.directory.types()
    assert types["async"] == run_async.handler.payload.schema()
    assert types["thread"] == b'{"of":"a newer release"}', "a type that is registered keeps its schema"
