"""Language models of half a megabyte that the tests write themselves: real GGUF files for the real in-process path.

One with random weights answers garbage; a parrot says one text, whatever it is asked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

import gguf
import numpy as np
from numpy.typing import NDArray

Shapes: TypeAlias = dict[str, tuple[int, ...]]
Kind: TypeAlias = Literal["llama", "mamba"]

WIDTH = 64
HEADS = 4
MEMORY, MEMORY_WINDOW = 8, 4
WITHOUT_SUFFIX = (".bias", "ssm_a", "ssm_d")
CONTEXT = 16_384
LONGEST_PIECE = 24
"""The library reads no token of more than 31 bytes."""
SPECIAL = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
UNKNOWN, BEGIN, END = 0, 1, 2
END_OF_TURN = 4
PRINTABLE = [chr(code) for code in range(0x21, 0x7F)] + ["▁"]
PIECES = """
th an on in er re or ar en is at it es ed st ou al le to nd me se ic ur te ve ha he ec co of ti be io ne so ro wh ch
▁a ▁s ▁t ▁p ▁w ▁c ▁o ▁n ▁i ▁f ▁m ▁d ▁b ▁l ▁r ▁1 ▁2 ▁# ▁( ," ": 00 10 20 30 14 02 ▁" 12 22 03 ▁%
the and ing ion ▁th ▁an ▁on ▁in ▁pe ▁se ▁wh ▁co ▁to ▁of ▁is ▁re ▁st ▁sc per son ▁per ▁the ▁and ▁sco ▁seen ▁what ▁score
person ▁person ▁door ▁not ▁front ▁was ▁car ction icture ▁pi ▁picture ▁pictures ▁no ▁know ▁known ▁ca ▁do ▁fr ▁wa ▁pic
ont oor een now ture tur ▁whi ▁see ▁kn ▁an y, ▁ra ▁rul ▁rule ▁rules ▁by ▁fo ▁for ▁ru es.
"""
"""What makes English text a third as long. A piece is found only where two others make it up."""
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def write_tiny_gguf(
    path: Path,
    *,
    says: str = "",
    seed: int = 1,
    template: str | None = CHATML,
    width: int = WIDTH,
    layers: int = 1,
    kind: Kind = "llama",
) -> Path:
    """A model of one layer with random weights; with `says` one that answers just that, and then ends.

    A wider and deeper random one takes as long as a trained one of its size. A mamba has a memory that cannot be cut
    back to an earlier token, as have the hybrids of today.
    """
    tokens = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), *PRINTABLE, *dict.fromkeys(PIECES.split())]
    said = [says[start : start + LONGEST_PIECE].replace(" ", "▁") for start in range(0, len(says), LONGEST_PIECE)]
    shapes = _shapes(kind, len(tokens) + len(said), width, layers)
    weights = _parrot(shapes, len(said)) if said else _random(shapes, seed)
    tokens += said
    assert len(set(tokens)) == len(tokens), "a piece of what it says is a token already"
    writer = gguf.GGUFWriter(path, kind)
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_layer_norm_rms_eps(1e-5)
    _add_sizes(writer, kind, width)
    _add_tokens(writer, tokens, never_read=len(said))
    if template is not None:
        writer.add_chat_template(template)
    for name, values in weights.items():
        writer.add_tensor(name if name.endswith(WITHOUT_SUFFIX) else f"{name}.weight", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_sizes(writer: gguf.GGUFWriter, kind: Kind, width: int) -> None:
    if kind == "mamba":
        writer.add_feed_forward_length(0)
        writer.add_head_count(0)
        writer.add_ssm_conv_kernel(MEMORY_WINDOW)
        writer.add_ssm_inner_size(2 * width)
        writer.add_ssm_state_size(MEMORY)
        writer.add_ssm_time_step_rank(MEMORY)
    else:
        writer.add_feed_forward_length(width)
        writer.add_head_count(HEADS)
        writer.add_head_count_kv(HEADS)
        writer.add_rope_dimension_count(width // HEADS)


def _add_tokens(writer: gguf.GGUFWriter, tokens: list[str], *, never_read: int) -> None:
    kinds = gguf.TokenType
    ordinary = len(tokens) - len(SPECIAL) - 256
    types = [kinds.UNKNOWN, *[kinds.CONTROL] * (len(SPECIAL) - 1), *[kinds.BYTE] * 256, *[kinds.NORMAL] * ordinary]
    # Longer pieces are preferred, but not those the parrot says.
    scores = [*[0.0] * (len(SPECIAL) + 256), *(float(len(token)) for token in tokens[len(SPECIAL) + 256 :])]
    scores[len(tokens) - never_read :] = [-1e6] * never_read
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_unk_token_id(UNKNOWN)
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(END_OF_TURN)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)


def _random(shapes: Shapes, seed: int) -> dict[str, NDArray[np.float32]]:
    source = np.random.default_rng(seed)
    weights = {name: source.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}
    decays = {name: -abs(values) for name, values in weights.items() if name.endswith("ssm_a")}
    return weights | _norms(shapes) | decays


def _parrot(shapes: Shapes, pieces: int) -> dict[str, NDArray[np.float32]]:
    """After any token comes the first piece, after each piece the next, then the end: only the last token matters."""
    width = shapes["output_norm"][0]
    assert pieces < width, "it cannot say that much"
    weights = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()} | _norms(shapes)
    directions = np.eye(width, dtype=np.float32)
    weights["token_embd"][:-pieces] = directions[0]
    weights["token_embd"][-pieces:] = directions[1 : pieces + 1]
    weights["output"][-pieces:] = 10 * directions[:pieces]
    weights["output"][END_OF_TURN] = 10 * directions[pieces]
    return weights


def _norms(shapes: Shapes) -> dict[str, NDArray[np.float32]]:
    return {name: np.ones(shape, np.float32) for name, shape in shapes.items() if name.endswith("norm")}


def _shapes(kind: Kind, vocabulary: int, width: int, layers: int) -> Shapes:
    of_a_layer = _of_memory(width) if kind == "mamba" else _of_attention(width)
    return {
        "token_embd": (vocabulary, width),
        "output": (vocabulary, width),
        "output_norm": (width,),
        **{f"blk.{layer}.{name}": shape for layer in range(layers) for name, shape in of_a_layer.items()},
    }


def _of_attention(width: int) -> Shapes:
    square = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
    return {"attn_norm": (width,), "ffn_norm": (width,), **dict.fromkeys(square, (width, width))}


def _of_memory(width: int) -> Shapes:
    inner = 2 * width
    return {
        "attn_norm": (width,),
        "ssm_in": (2 * inner, width),
        "ssm_conv1d": (inner, MEMORY_WINDOW),
        "ssm_conv1d.bias": (inner,),
        "ssm_x": (3 * MEMORY, inner),
        "ssm_dt": (inner, MEMORY),
        "ssm_dt.bias": (inner,),
        "ssm_a": (inner, MEMORY),
        "ssm_d": (inner,),
        "ssm_out": (width, inner),
    }
