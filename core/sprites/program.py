"""The program that renders Lottie animations in a separate process, so that a malformed file can crash only it.

Started by sprites.SpriteRenderer. It reads requests from stdin, one line of JSON each: the file's path, the size in
pixels and the moments, from 0 to 1 of the animation. For each it writes a line of JSON, with how many frames there are,
and then, unless the line reports an error, the pictures: BGRA, premultiplied, 8 bits, one after the other.
"""

import json
import sys


def serve() -> None:
    """Answers requests until stdin ends."""
    from rlottie_python.rlottie_wrapper import LottieAnimation

    opened: dict[str, LottieAnimation] = {}
    for line in sys.stdin:
        request = json.loads(line)
        path, size = request["path"], request["size"]
        try:
            if path not in opened:
                if len(opened) > 64:  # an animation takes about a megabyte
                    opened.clear()
                opened[path] = LottieAnimation.from_file(path)
            animation = opened[path]
            count = animation.lottie_animation_get_totalframe()
            if count < 1:
                raise ValueError("no frames")
            pictures = [
                animation.lottie_animation_render(frame_num=min(int(at * count), count - 1), width=size, height=size)
                for at in request["moments"]
            ]
            body = b"".join(pictures)
            answer: dict[str, int | str] = {"bytes": len(body), "frames": count}
        except Exception as error:  # an error in one file must not stop the others
            answer, body = {"error": str(error) or type(error).__name__}, b""
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + body)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    serve()
