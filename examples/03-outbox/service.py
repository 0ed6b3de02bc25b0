"""A Litestar service that stores an order and confirms it, both or neither."""

import os

import msgspec
from litestar import Litestar, post
from litestar.di import NamedDependency, Provide
from litestar.exceptions import ClientException
from litestar.params import JSONBody
from sqlalchemy import Column, Engine, MetaData, String, Table, create_engine, insert
from sqlalchemy.exc import IntegrityError
from tasks import Confirmation, confirm

from taskyard import outbox

metadata = MetaData()
orders = Table(
    "orders",
    metadata,
    Column("number", String(20), primary_key=True),
    Column("email", String(100), nullable=False),
)


class NewOrder(msgspec.Struct):
    """The body of a request."""

    number: str
    email: str


@post("/orders", sync_to_thread=True)
def place_order(data: JSONBody[NewOrder], engine: NamedDependency[Engine]) -> dict[str, str]:
    """Store an order, and confirm it if it is stored."""
    try:
        with engine.begin() as connection:
            task_id = outbox.add(connection, confirm.request(Confirmation(data.number, data.email)))
            connection.execute(insert(orders).values(number=data.number, email=data.email))
    except IntegrityError as error:
        raise ClientException("this order exists", status_code=409) from error
    return {"task_id": task_id}


def make_service(engine: Engine) -> Litestar:
    """The service on a database."""
    metadata.create_all(engine)
    outbox.create_table(engine)
    return Litestar([place_order], dependencies={"engine": Provide(lambda: engine, sync_to_thread=False)})


def service() -> Litestar:
    """The service on the database that the relay reads."""
    return make_service(create_engine(os.environ["TASKYARD_OUTBOX_DATABASE_URL"]))
