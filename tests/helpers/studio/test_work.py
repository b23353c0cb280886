import gc
import threading
import weakref

from contract.errors import TargetError
from helpers.studio.work import Worker

SECONDS = 10


def fail(error):
    raise error


def test_an_error_is_told_and_the_next_task_is_done():
    told, done = [], threading.Event()
    worker = Worker("test", told.append)
    worker.do(lambda: fail(TargetError("the cloud is gone.")))
    worker.do(lambda: fail(KeyError("x")))
    worker.do(done.set)
    assert worker.wait(SECONDS)
    assert done.is_set()
    assert told == ["the cloud is gone.", "KeyError: 'x'"]
    worker.close()


def test_waiting_ends_with_the_deadline_while_a_task_goes_on():
    release = threading.Event()
    worker = Worker("test", print)
    worker.do(lambda: release.wait(SECONDS))
    assert worker.wait(0.05) is False
    release.set()
    assert worker.wait(SECONDS)
    worker.close()


def test_after_closing_nothing_is_done_and_the_thread_ends():
    told = []
    worker = Worker("test", print)
    worker.close()
    worker.do(lambda: told.append(1))
    assert worker.join(SECONDS)
    assert told == []


def test_the_thread_ends_with_its_workers_last_reference():
    worker = Worker("test", print)
    worker.do(lambda: None)
    assert worker.wait(SECONDS)
    thread, weak = worker._thread, weakref.ref(worker)
    del worker
    gc.collect()
    assert weak() is None
    thread.join(SECONDS)
    assert not thread.is_alive()
