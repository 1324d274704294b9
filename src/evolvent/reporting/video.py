"""Videos of policies, as mp4 or as gif: the only file that names imageio-ffmpeg and Pillow."""

from __future__ import annotations

import io
import math
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise, repeat
from pathlib import Path
from typing import IO, Any, cast

from evolvent.errors import StorageFailed, UsageError
from evolvent.extras import require
from evolvent.files import save_atomically
from evolvent.policies import Policy
from evolvent.reporting.destination import check_destination
from evolvent.reporting.stage import LONGEST_FILM, Episode, Frame, Stage
from evolvent.training.problem import World

with require("imageio-ffmpeg", extra="report", purpose="videos"):
    import imageio_ffmpeg  # pyright: ignore[reportMissingTypeStubs]
with require("pillow", extra="report", purpose="videos"):
    from PIL import Image

PAUSE = 1.0  # seconds that the last picture of an episode stays
GIF_WIDTH = 300  # pixels, at most
GIF_FPS = 25  # about; a gif of the usual 50 pictures in a second is twice as large and looks no better
GIF_COLOURS = 64
GIF_SAMPLES = 16  # pictures that the colours are chosen from


@dataclass(frozen=True, slots=True)
class Recording:
    """A finished video.

    Args:
        path: The file.
        episodes: Those it shows.
    """

    path: Path
    episodes: tuple[Episode, ...]


def record(  # noqa: PLR0913 - who, where, whither, and what is rarely given
    policy: Policy | None,
    env: World,
    path: str | Path,
    *,
    env_kwargs: Mapping[str, Any] | Sequence[str] | None = None,
    episodes: int = 1,
    max_steps: int | None = None,
    seed: int = 0,
    fps: float | None = None,
) -> Recording:
    """Film a policy in a Gymnasium world; the same arguments give the same pictures.

    A gif is scaled to a width of 300 pixels, leaves pictures out and keeps its speed; all its pictures are held in memory
    until it is finished. An mp4 is H.264 in the world's own size, less a pixel where that is odd. The last picture of an
    episode stays for a second. The file is there once it is complete, never before.

    Args:
        policy: Who acts, None for a random agent.
        env: Gymnasium id of the world; or a function that makes it, or a `spec`, as for `evolve`.
        path: Where to, `.mp4` or `.gif`; an older file is replaced.
        env_kwargs: Keyword arguments of the world; those that the policy was evolved with where there are none.
        episodes: How many.
        max_steps: Steps after which an episode ends; the world's own limit where there is none, of which 3,000 are filmed.
        seed: Of the episodes: those that `evolvent evaluate` measures with this seed in Gymnasium's world. Also of the
            random actions.
        fps: Pictures in a second, one for each step [1/s]; at the world's own speed where there is none.

    Raises:
        UsageError: The path, the world or a number cannot be used, or the policy does not fit the world.
        EnvironmentFailed: The world cannot be built, raises an error or does not render pictures.
        StorageFailed: The video cannot be written; an older file is untouched.
    """
    path = Path(path)
    encode = ENCODERS[check_destination(path, ENCODERS)]
    if episodes < 1:
        raise UsageError(f"episodes: expected at least 1, got {episodes}")
    if fps is not None and not 0 < fps < math.inf:
        raise UsageError(f"fps: expected a positive number, got {fps}")
    done: list[Episode] = []
    with Stage(policy, env, "rgb_array", env_kwargs=env_kwargs, max_steps=max_steps, seed=seed) as stage:
        fps = fps or stage.fps
        film = encode(_frames(stage, episodes, max_steps or LONGEST_FILM, round(PAUSE * fps), done), fps)
    save_atomically(path, film)
    return Recording(path, tuple(done))


def _frames(stage: Stage, episodes: int, longest: int, pause: int, done: list[Episode]) -> Iterator[Frame]:
    """Yield a picture for each step, the last one of an episode `pause` times more, and append each episode to `done`."""
    for number in range(episodes):
        moments = stage.episode(number)
        episode, frame = next(moments), stage.picture()
        yield frame
        for moment in islice(moments, longest):
            episode, frame = moment, stage.picture()
            yield frame
        yield from repeat(frame, pause)
        done.append(episode)


def _mp4(frames: Iterator[Frame], fps: float) -> bytes:
    first = next(frames)
    height, width = (size // 2 * 2 for size in first.shape[:2])  # yuv420p keeps one colour for 2 x 2 pixels
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder, "video.mp4")
        command = [_ffmpeg(), "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
        command += ["-r", f"{fps:.6f}", "-i", "-", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "20"]
        command += ["-movflags", "+faststart", str(draft)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:  # noqa: S603 - words of ours
            pipe = cast("IO[bytes]", process.stdin)
            try:
                for frame in chain([first], frames):
                    pipe.write(frame[:height, :width].tobytes())
            except BrokenPipeError:
                pass  # ffmpeg has ended, and says why below
            except BaseException:
                process.kill()
                raise
            complaint = process.communicate()[1].decode(errors="replace").strip()
        if process.returncode:
            raise StorageFailed(f"ffmpeg could not make the video: {complaint or f'exit code {process.returncode}'}")
        return draft.read_bytes()


def _ffmpeg() -> str:
    try:
        return imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as problem:
        raise UsageError(f"imageio-ffmpeg found no ffmpeg: {problem}; make a .gif, or set IMAGEIO_FFMPEG_EXE") from problem


def _gif(frames: Iterator[Frame], fps: float) -> bytes:
    stride = max(1, round(fps / GIF_FPS))
    pictures = [_shrunk(frame) for index, frame in enumerate(frames) if index % stride == 0]
    colours = _common_colours(pictures)
    pictures = [picture.quantize(palette=colours, dither=Image.Dither.NONE) for picture in pictures]
    times = [10 * round(100 * index * stride / fps) for index in range(len(pictures) + 1)]  # a gif counts in 10 ms
    durations = [end - start for start, end in pairwise(times)]
    film = io.BytesIO()
    pictures[0].save(film, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0, optimize=True)
    return film.getvalue()


def _shrunk(frame: Frame) -> Image.Image:
    picture = Image.fromarray(frame)
    if picture.width <= GIF_WIDTH:
        return picture
    size = GIF_WIDTH, max(1, round(picture.height * GIF_WIDTH / picture.width))
    return picture.resize(size, Image.Resampling.BOX)


def _common_colours(pictures: list[Image.Image]) -> Image.Image:
    """Return one palette for all pictures: with palettes of their own, what stands still would change from one to the next."""
    samples = pictures[:: math.ceil(len(pictures) / GIF_SAMPLES)]
    width, height = samples[0].size
    sheet = Image.new("RGB", (width, height * len(samples)))
    for index, picture in enumerate(samples):
        sheet.paste(picture, (0, index * height))
    return sheet.quantize(GIF_COLOURS, method=Image.Quantize.FASTOCTREE)  # median cut would tint a white background


ENCODERS = {".mp4": _mp4, ".gif": _gif}
