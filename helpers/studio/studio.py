"""The prompt studio itself: its parts put together, and the same actions for people and for programs."""

from __future__ import annotations

import atexit
import contextlib
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets

from contract import ids
from contract.errors import JobTimeoutError, ParameterError, ResultError
from helpers.inference.connection import Connection
from helpers.inference.jobs import Job
from helpers.inference.results import Result
from helpers.show.inspector import Inspector
from helpers.studio.follow import Follower, Request
from helpers.studio.form import Field, Form
from helpers.studio.gallery import Gallery
from helpers.studio.shelf import Shelf
from helpers.studio.static import as_html
from helpers.studio.steps import waking_text
from helpers.studio.views import DetailsView, Timeline, prompt_of
from helpers.studio.work import Worker, said

WAIT_SECONDS = 900.0
SHOW_SECONDS = 2.0
"""How long showing the studio may wait for the first pictures, which a static copy of the notebook keeps."""

_OPEN: weakref.WeakSet[Studio] = weakref.WeakSet()


class Studio:
    """A form, the requests on their way, and the gallery.

    Show it by making it the last line of a cell. Everything that can be clicked is a method or an attribute as well.

    Parameters
    ----------
    connection : Connection
        Where the workshop is deployed.
    examples : sequence of str, optional
        Prompts to choose from; by default some that suit the model.

    Attributes
    ----------
    prompt, negative_prompt, width, height, steps, guidance, pictures, seed : Field
        The form; set ``.value``, read ``.problem``.
    gallery : Gallery
        ``gallery.page(2)`` turns to a page, ``gallery.tiles`` is what it shows.
    widget : ipywidgets.VBox
        What is displayed.

    Raises
    ------
    NotDeployedError, TargetError
        The workshop is not deployed on the connection's target, or that cannot be reached.
    ParameterError
        The deployed model wants another form of request.

    Examples
    --------
    >>> app = Studio(connection)                                         # doctest: +SKIP
    >>> app.prompt.value = "a red circle on a blue background"           # doctest: +SKIP
    >>> job = app.generate()                                             # doctest: +SKIP
    >>> app.wait(60)                                                     # doctest: +SKIP
    """

    def __init__(self, connection: Connection, examples: Sequence[str] | None = None) -> None:
        self._connection = connection
        self.form = Form(connection.limits, examples)
        self.timeline, self.details = Timeline(), DetailsView()
        self._waking = waking_text(connection.settings)
        self._loader = Worker("studio-load", self._weakly(Studio._complain))
        self._shelf = Shelf(connection)
        self.gallery = Gallery(connection, self._loader, self._shelf, self._weakly(Studio._take_up))
        self._follower = Follower(
            connection,
            self._weakly(Studio._show_requests),
            self._weakly(Studio._settled),
            self._weakly(Studio._complain),
        )
        self._name_fields()
        self._inspector = ipywidgets.VBox()
        self.widget = ipywidgets.VBox([self.form, self.timeline, self.gallery.view, self.details, self._inspector])
        self.form.listen(self._on_form)
        self.timeline.listen(self._on_timeline)
        self.gallery.view.listen(self._on_gallery)
        self.details.listen(self._on_details)
        self.closed = False
        _OPEN.add(self)
        self.refresh()

    def _name_fields(self) -> None:
        form = self.form
        self.prompt, self.negative_prompt = Field(form, "prompt"), Field(form, "negative_prompt")
        self.width, self.height = Field(form, "width"), Field(form, "height")
        self.steps, self.guidance = Field(form, "num_inference_steps"), Field(form, "guidance_scale")
        self.pictures, self.seed = Field(form, "num_images_per_prompt"), Field(form, "seed")

    def __repr__(self) -> str:
        on_way = len(self.jobs)
        return f"<Studio on {self._connection.target.described}: {on_way} on their way, {len(self.gallery.jobs)} made>"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        """The widgets, and for where none run the latest pictures as HTML."""
        del options
        self._loader.wait(SHOW_SECONDS)
        html = as_html(self.gallery.tiles, len(self.gallery.jobs))
        return {
            "text/plain": repr(self),
            "text/html": html,
            "application/vnd.jupyter.widget-view+json": {
                "version_major": 2,
                "version_minor": 0,
                "model_id": self.widget.model_id,
            },
        }

    # What people and programs do

    @property
    def jobs(self) -> list[Job]:
        """The requests on their way, newest first."""
        return [request.job for request in self._follower.requests() if request.on_its_way]

    @property
    def error(self) -> str:
        """What is shown as gone wrong; empty when nothing is."""
        return str(self.timeline.error)

    @property
    def reason(self) -> str:
        """Why Generate is off; empty when it is on."""
        return str(self.form.reason)

    def roll(self) -> None:
        """Draw a new seed."""
        self.form.roll()

    def choose_example(self, number: int) -> None:
        """Take an example prompt, counted from 0."""
        self.form.prompt = self.form.examples[number]

    def generate(self) -> Job:
        """Send what the form says; returns at once, see :meth:`wait`.

        Raises
        ------
        ParameterError
            The form holds a value that the model does not accept, or the studio is closed. Nothing was sent.
        """
        if self.closed:
            raise ParameterError("this studio is closed: make a new one with Studio(connection).")
        job = Job(self._connection, ids.new_id(), self.form.request(), options={"Accept": "application/json"})
        self._complain("")
        self._follower.send(job)
        if self.form.fresh_seed:
            self.form.roll()
        return job

    def cancel(self, job: Job | str) -> None:
        """Wait no longer for ``job`` and remove its request from S3, if the endpoint may not have read it yet.

        SageMaker cannot cancel an asynchronous request that it has accepted; the row says what that means.
        """
        self._follower.cancel(_id(job))

    def dismiss(self, job: Job | str) -> None:
        """Take a request that has ended off the timeline."""
        self._follower.forget(_id(job))

    def wait(self, seconds: float = WAIT_SECONDS) -> list[Job]:
        """Wait until nothing is on its way and the gallery shows it; return the jobs of the timeline, newest first.

        Raises
        ------
        JobTimeoutError
            Some are still on their way after ``seconds``; they go on.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            left = deadline - time.monotonic()
            # Once more after the loader: a listing may have found requests of other kernels.
            if self._follower.quiet and self._loader.wait(left) and self._follower.quiet:
                return [request.job for request in self._follower.requests()]
            time.sleep(min(0.05, max(0.0, left)))
        states = ", ".join(f"{job.id} is {job.state}" for job in self.jobs) or "the gallery is still being read"
        raise JobTimeoutError(f"after {seconds:g} s: {states}. They go on; call wait() again.")

    def outcome(self, job: Job | str) -> tuple[str, str]:
        """How ``job`` ended: done, failed, cancelled or (empty) not yet; and what its row says about that."""
        request = self._follower.find(_id(job))
        return (request.outcome, request.text) if request is not None else ("", "")

    def refresh(self) -> None:
        """List the bucket again, for what others have made; returns at once."""
        self.gallery.refresh()

    def open(self, inference_id: str) -> Mapping[str, Any]:
        """Show everything about one request; return what is shown.

        Raises
        ------
        ResultError
            Nothing of it is in S3.
        """
        about = self._shelf.about(ids.checked(inference_id))
        self._show_details(about)
        return about

    def close_details(self) -> None:
        """Close what :meth:`open` shows."""
        self.details.show({})
        self.gallery.view.choose("")
        self._empty_inspector()

    def use_again(self, inference_id: str) -> None:
        """Fill the form with the parameters of a request that is in S3; say which of them the form cannot hold.

        Raises
        ------
        ResultError
            Its request is not there any more.
        """
        if left_out := self.form.take(self._connection.resume(inference_id).request):
            self.details.complain(
                f"The form has no field for {', '.join(left_out)}: Generate sends the request without. "
                "In a notebook, connection.generate() takes every parameter."
            )

    def inspect(self, picture: int = 0) -> ipywidgets.Widget:
        """Show a picture of the open request, counted from 0, in the pixel inspector; return that.

        Raises
        ------
        ResultError
            No request with pictures is open.
        """
        pictures = self.details.about.get("pictures") or []
        if not 0 <= picture < len(pictures):
            raise ResultError(f"picture {picture}: the open request has {len(pictures)}; open one with pictures first.")
        made = Inspector(Result(self._connection, self.details.about["id"]), picture)
        self._empty_inspector()
        self._inspector.children = (made,)
        self.details.mark_inspected(picture)
        return made

    def close(self, seconds: float = 0.0) -> bool:
        """Stop the threads and take the widgets away; requests on their way go on without this studio.

        Parameters
        ----------
        seconds : float
            How long to wait for the threads, which may be in the midst of a call.

        Returns
        -------
        bool
            Whether they have ended.
        """
        self._stop_threads()
        self._empty_inspector()
        for widget in (self.form, self.timeline, self.gallery.view, self.details, self._inspector, self.widget):
            widget.close()
        deadline = time.monotonic() + seconds
        return self._follower.join(seconds) and self._loader.join(deadline - time.monotonic())

    def _stop_threads(self) -> None:
        self.closed = True
        self._follower.close()
        self._loader.close()

    # What the parts report

    def _weakly(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """``method`` of this studio for threads and parts, which must not keep it alive."""
        weak = weakref.ref(self)

        def call(*arguments: Any) -> Any:
            studio = weak()
            return method(studio, *arguments) if studio is not None and not studio.closed else None

        return call

    def _complain(self, text: str) -> None:
        self.timeline.complain(text)

    def _show_requests(self) -> None:
        self.timeline.show(self._follower, self._waking)

    def _take_up(self, jobs: list[Job]) -> None:
        for job in jobs:
            if self._follower.find(job.id) is None:
                with contextlib.suppress(ResultError):  # a request that is gone may still be answered
                    _ = job.request  # its row shows the prompt
                self._follower.take_up(job)

    def _settled(self, request: Request) -> None:
        if request.outcome == "failed":
            self._shelf.learn(request.job.id, request.text)
            self._complain(f"“{prompt_of(request)}” failed: {request.text}")
        self.gallery.refresh()

    def _show_details(self, about: Mapping[str, Any]) -> None:
        self._empty_inspector()
        self.details.show(about)
        self.gallery.view.choose(about["id"])

    def _empty_inspector(self) -> None:
        children, self._inspector.children = self._inspector.children, ()
        for child in children:
            child.close()

    def _on_form(self, message: Mapping[str, Any]) -> None:
        match message.get("do"):
            case "typed":
                self.form.hear(str(message["token"]), message["values"], message["fresh_seed"])
            case "roll":
                self.roll()
            case "generate":
                with contextlib.suppress(ParameterError):  # the form says it already
                    self.generate()

    def _on_timeline(self, message: Mapping[str, Any]) -> None:
        match message.get("do"):
            case "cancel":
                self.cancel(str(message["id"]))
            case "dismiss":
                self.dismiss(str(message["id"]))
            case "clear":
                self._complain("")

    def _on_gallery(self, message: Mapping[str, Any]) -> None:
        match message.get("do"):
            case "turn":
                self.gallery.turn(int(message["number"]))
            case "refresh":
                self.refresh()
            case "open":
                wanted = str(message["id"])
                self._loader.do(lambda: self._try(lambda: self.open(wanted)))

    def _on_details(self, message: Mapping[str, Any]) -> None:
        match message.get("do"):
            case "close":
                self.close_details()
            case "again":
                wanted = str(self.details.about.get("id", ""))
                self._loader.do(lambda: self._try(lambda: self.use_again(wanted)))
            case "inspect":
                number = int(message["number"])
                self._loader.do(lambda: self._try(lambda: self.inspect(number)))

    def _try(self, action: Callable[[], object]) -> None:
        """For what a click in the gallery or the details starts: an error appears where they are."""
        try:
            self.details.complain("")
            action()
        except Exception as error:  # noqa: BLE001 - the page says what happened
            self.details.complain(said(error))


def _id(job: Job | str) -> str:
    return job if isinstance(job, str) else job.id


@atexit.register
def _stop_all() -> None:
    """No thread of ours may work in a kernel that is going away; its widgets stay as they are in the page."""
    for studio in list(_OPEN):
        studio._stop_threads()
