"""Trains the built-in model `tiny`: a DeepSeek-V3 of about two and a half million parameters.

    cargo build --release -p tripos-runners --no-default-features --example tiny_corpus
    target/release/examples/tiny_corpus 110000 7 1 > stage1.jsonl
    target/release/examples/tiny_corpus 150000 8 2 > stage2.jsonl
    target/release/examples/tiny_corpus 120000 9 3 > stage3.jsonl
    pip install torch==2.15.0 numpy safetensors tokenizers
    python runners/tiny/train.py stage1.jsonl stage1 --minutes 70 --seed 7
    python runners/tiny/train.py stage2.jsonl stage2 --resume stage1 --minutes 36 --seed 8 --rate 2e-3 --hold 0.25
    python runners/tiny/train.py stage3.jsonl runners/tiny --resume stage2 --minutes 24 --seed 9 --rate 2e-3 --hold 0.3

It writes the folder in the Hugging Face layout: config.json, model.safetensors (bfloat16),
tokenizer.json, tokenizer_config.json, chat_template.jinja, generation_config.json. What came out, on
which machine and in what time, is in README.md beside this file.

Every example is one sequence: prompt, then the worked steps between the think tags and the
answer, or an empty think block and the answer. The loss is on what follows the prompt. Matrices
are optimised by Muon (Jordan et al., 2024), everything else by AdamW; experts are balanced by the
selection bias alone (DeepSeek-V3 technical report, section 2.1.2), without an auxiliary loss.
"""

import argparse
import copy
import json
import math
import os
import re
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

SPECIAL = ["<|bos|>", "<|end|>", "<|pad|>", "<|user|>", "<|assistant|>", "<|system|>", "<think>", "</think>"]
BOS, END, PAD, USER, ASSISTANT, _SYSTEM, THINK, UNTHINK = range(len(SPECIAL))
SYLLABLES = "ba be do fe fo ga gi he hu jo ke ku li lo me mu ne po ra ru se ti vu za".split()
PIECES = r" ?[A-Za-z]+| ?[0-9]| ?[^\sA-Za-z0-9]|\n|\s"
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|><think>"
    "{% if enable_thinking is defined and not enable_thinking %}</think>{% endif %}{% endif %}"
)
CONFIG = dict(
    architectures=["DeepseekV3ForCausalLM"], model_type="deepseek_v3", vocab_size=0, hidden_size=192,
    num_hidden_layers=4, num_attention_heads=6, num_key_value_heads=6, q_lora_rank=None, kv_lora_rank=96,
    qk_nope_head_dim=32, qk_rope_head_dim=16, v_head_dim=32, intermediate_size=448, moe_intermediate_size=96,
    n_routed_experts=8, num_experts_per_tok=2, n_shared_experts=1, first_k_dense_replace=1, n_group=1, topk_group=1,
    norm_topk_prob=True, routed_scaling_factor=1.0, scoring_func="sigmoid", topk_method="noaux_tc",
    hidden_act="silu", rms_norm_eps=1e-6, rope_theta=10000.0, rope_scaling=None, rope_interleave=True,
    max_position_embeddings=2048, attention_bias=False, tie_word_embeddings=False,
    bos_token_id=BOS, eos_token_id=END, pad_token_id=PAD, torch_dtype="bfloat16",
)


def build_tokenizer(texts):
    """Whole words, single digits and the syllables of invented names; anything else falls back to bytes."""
    name = re.compile(r" ?[A-Z][a-z]+")
    words = {}
    for text in texts:
        for piece in re.findall(PIECES, text):
            invented = name.fullmatch(piece) and re.fullmatch("(?:%s)+" % "|".join(SYLLABLES), piece.strip().lower())
            if not invented:
                words[piece] = words.get(piece, 0) + 1
    visible = {}  # The byte-level alphabet: printable stand-ins for all 256 bytes.
    spare = 256
    for byte in range(256):
        if 33 <= byte <= 126 or 161 <= byte <= 172 or 174 <= byte <= 255:
            visible[byte] = chr(byte)
        else:
            visible[byte] = chr(spare)
            spare += 1
    shown = lambda text: "".join(visible[b] for b in text.encode())
    vocabulary, merges = {}, []
    add = lambda token: vocabulary.setdefault(token, len(vocabulary) + len(SPECIAL))
    for byte in range(256):
        add(visible[byte])
    for consonant, vowel in SYLLABLES:
        for first in (consonant, consonant.upper()):
            merges.append((first, vowel))
            add(first + vowel)
    for consonant, vowel in SYLLABLES:
        merges.append((shown(" "), consonant.upper() + vowel))
        add(shown(" ") + consonant.upper() + vowel)
    for digit in "0123456789":
        add(shown(" " + digit))
    for piece, count in sorted(words.items()):
        if count >= 20:
            add(shown(piece))
    for n, token in enumerate(SPECIAL):
        vocabulary[token] = n
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    return tokenizer


def encode(tokenizer, path):
    """Token ids of prompt and target of every example, kept as bytes-thin arrays."""
    examples = []
    batch = []

    def flush():
        prompts = tokenizer.encode_batch([d["user"] for d in batch], add_special_tokens=False)
        steps = tokenizer.encode_batch([d["steps"] for d in batch], add_special_tokens=False)
        answers = tokenizer.encode_batch(["ANSWER: " + d["answer"] for d in batch], add_special_tokens=False)
        for d, p, s, a in zip(batch, prompts, steps, answers):
            examples.append((d["family"], np.array([BOS, USER, *p.ids, END, ASSISTANT, THINK], np.int16),
                             np.array([*s.ids, UNTHINK], np.int16), np.array([*a.ids, END], np.int16)))
        batch.clear()

    with open(path) as lines:
        for line in lines:
            batch.append(json.loads(line))
            if len(batch) == 4096:
                flush()
    flush()
    return examples


def rotate(x, cos, sin):
    """Turns the pairs (0, 1), (2, 3), ... of the last dimension."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, odd * cos + even * sin), -1).flatten(-2)


class Model(torch.nn.Module):
    """The architecture of `config.json`, for training: dense attention over padded rows."""

    def __init__(self, c):
        super().__init__()
        self.c = c
        d, h = c["hidden_size"], c["num_attention_heads"]
        qk = c["qk_nope_head_dim"] + c["qk_rope_head_dim"]
        w = lambda rows, cols: torch.nn.Parameter(torch.randn(rows, cols) / math.sqrt(cols))
        bank = lambda n, rows, cols: torch.nn.Parameter(torch.randn(n, rows, cols) / math.sqrt(cols))
        one = lambda n: torch.nn.Parameter(torch.ones(n))
        self.embed = torch.nn.Parameter(torch.randn(c["vocab_size"], d) * 0.5)
        self.head = torch.nn.Parameter(torch.randn(c["vocab_size"], d) * 0.02)
        self.norm = one(d)
        self.layers = torch.nn.ModuleList()
        for n in range(c["num_hidden_layers"]):
            layer = torch.nn.Module()
            layer.ln1, layer.ln2, layer.kv_norm = one(d), one(d), one(c["kv_lora_rank"])
            layer.q = w(h * qk, d)
            layer.kv_a = w(c["kv_lora_rank"] + c["qk_rope_head_dim"], d)
            layer.kv_b = w(h * (c["qk_nope_head_dim"] + c["v_head_dim"]), c["kv_lora_rank"])
            layer.o = w(d, h * c["v_head_dim"])
            layer.o.data *= 0.3
            layer.moe = n >= c["first_k_dense_replace"]
            inner = c["moe_intermediate_size"] * c["n_shared_experts"] if layer.moe else c["intermediate_size"]
            layer.gate, layer.up, layer.down = w(inner, d), w(inner, d), w(d, inner)
            layer.down.data *= 0.3
            if layer.moe:
                e, m = c["n_routed_experts"], c["moe_intermediate_size"]
                layer.router = torch.nn.Parameter(torch.randn(e, d) * 0.02)
                layer.e_gate, layer.e_up, layer.e_down = bank(e, m, d), bank(e, m, d), bank(e, d, m)
                layer.e_down.data *= 0.3
                layer.register_buffer("bias", torch.zeros(e))
                layer.load = torch.zeros(e)
            self.layers.append(layer)
        self.rope()

    def rope(self, length=2048):
        half = self.c["qk_rope_head_dim"] // 2
        frequency = self.c["rope_theta"] ** (-torch.arange(half).float() / half)
        angle = torch.arange(length).float()[:, None] * frequency
        self.cos, self.sin = angle.cos(), angle.sin()

    def attention(self, layer, x):
        c = self.c
        b, t, _ = x.shape
        h, nope, rope, v = c["num_attention_heads"], c["qk_nope_head_dim"], c["qk_rope_head_dim"], c["v_head_dim"]
        cos, sin = self.cos[:t], self.sin[:t]
        q = F.linear(x, layer.q).view(b, t, h, nope + rope).transpose(1, 2)
        latent, k_rope = F.linear(x, layer.kv_a).split([c["kv_lora_rank"], rope], -1)
        kv = F.linear(F.rms_norm(latent, latent.shape[-1:], layer.kv_norm, 1e-6), layer.kv_b)
        k, value = kv.view(b, t, h, nope + v).transpose(1, 2).split([nope, v], -1)
        q = torch.cat((q[..., :nope], rotate(q[..., nope:], cos, sin)), -1)
        k_rope = rotate(k_rope[:, None], cos, sin).expand(b, h, t, rope)
        # The fused kernel wants values as wide as keys.
        value = F.pad(value, (0, nope + rope - v))
        out = F.scaled_dot_product_attention(q, torch.cat((k, k_rope), -1), value, is_causal=True)[..., :v]
        return F.linear(out.transpose(1, 2).reshape(b, t, h * v), layer.o)

    def experts(self, layer, x, real):
        c = self.c
        scores = torch.sigmoid(F.linear(x, layer.router))
        chosen = (scores + layer.bias).topk(c["num_experts_per_tok"], -1).indices
        weight = scores.gather(-1, chosen)
        weight = c["routed_scaling_factor"] * weight / (weight.sum(-1, keepdim=True) + 1e-20)
        flat = chosen.flatten()
        order = flat.argsort(stable=True)
        counts = torch.bincount(flat, minlength=c["n_routed_experts"])
        if self.training:
            layer.load += torch.bincount(chosen[real].flatten(), minlength=c["n_routed_experts"])
        token = order // c["num_experts_per_tok"]
        parts = x[token].split(counts.tolist())
        out = [F.linear(F.silu(F.linear(p, layer.e_gate[n])) * F.linear(p, layer.e_up[n]), layer.e_down[n]) for n, p in enumerate(parts)]
        mixed = torch.cat(out) * weight.flatten()[order, None]
        return torch.zeros_like(mixed[:1]).new_zeros(x.shape, dtype=mixed.dtype).index_add_(0, token, mixed)

    def hidden(self, ids):
        x = F.embedding(ids, self.embed)
        real = (ids != PAD).flatten()
        for layer in self.layers:
            x = x + self.attention(layer, F.rms_norm(x, x.shape[-1:], layer.ln1, 1e-6))
            y = F.rms_norm(x, x.shape[-1:], layer.ln2, 1e-6)
            out = F.linear(F.silu(F.linear(y, layer.gate)) * F.linear(y, layer.up), layer.down)
            if layer.moe:
                out = out + self.experts(layer, y.flatten(0, 1), real).view_as(y)
            x = x + out
        return F.rms_norm(x, x.shape[-1:], self.norm, 1e-6)

    def balance(self, rate):
        """Moves the selection bias of each expert against its load."""
        for layer in self.layers:
            if layer.moe:
                layer.bias += rate * torch.sign(layer.load.mean() - layer.load)
                layer.load.zero_()


class Muon:
    """Momentum whose update is made orthogonal by Newton-Schulz steps; matrices of one shape go together."""

    def __init__(self, matrices, momentum=0.95):
        self.momentum = momentum
        groups = {}
        for p in matrices:
            groups.setdefault(tuple(p.shape[-2:]), []).append(p)
        self.groups = list(groups.values())
        self.buffers = {p: torch.zeros_like(p) for p in matrices}

    @torch.no_grad()
    def step(self, rate, decay):
        for group in self.groups:
            updates = []
            for p in group:
                buffer = self.buffers[p].lerp_(p.grad, 1 - self.momentum)
                updates.append(p.grad.lerp(buffer, self.momentum).view(-1, *p.shape[-2:]))
            x = torch.cat(updates)
            tall = x.shape[-2] > x.shape[-1]
            x = x.mT if tall else x
            x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
            for _ in range(5):
                a = x @ x.mT
                x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
            x = x.mT if tall else x
            scale = 0.2 * math.sqrt(max(x.shape[-2:]))
            for p, u in zip(group, x.split([u.shape[0] for u in updates])):
                p.mul_(1 - rate * decay).sub_(u.view_as(p), alpha=rate * scale)


def batches(examples, tokens, generator):
    """Rows of like length, forever: each batch mixes short and long ones in two padded parts."""
    # In the order of the corpus within windows, so that its curriculum holds; then its later half again.
    at, window = 0, 20_000
    while True:
        half = len(examples) // 2
        start = at if at < len(examples) else half + (at - len(examples)) % (len(examples) - half)
        pool = np.arange(start, min(start + window, len(examples)))
        generator.shuffle(pool)
        size = lambda i: sum(len(part) for part in examples[i][1:]) + generator.integers(0, 24)
        short = [i for i in pool if len(examples[i][1]) < 80]
        short.sort(key=size)
        long = [i for i in pool if len(examples[i][1]) >= 80]
        long.sort(key=size)
        chunks, chunk, width = [], [], 0
        for i in long:
            width = max(width, len(examples[i][1]) + len(examples[i][2]) + len(examples[i][3]))
            chunk.append(i)
            if width * len(chunk) >= tokens * 3 // 4:
                chunks.append(chunk)
                chunk, width = [], 0
        per = max(1, len(short) // max(1, len(chunks)))
        slices = [short[n * per:(n + 1) * per] for n in range(len(chunks))]
        chunks = [chunks[n] for n in generator.permutation(len(chunks))]
        for n in generator.permutation(len(chunks)):
            yield [slices[n], chunks[n]]
        at += window


def rows(examples, chosen, generator):
    """Pads `chosen` into inputs and targets; a fifth of the rows answer directly."""
    sequences = []
    for i in chosen:
        _, prompt, steps, answer = examples[i]
        direct = generator.random() < 0.2
        target = np.concatenate(([UNTHINK], answer)) if direct else np.concatenate((steps, answer))
        # The closing tag of a direct answer is part of the prompt.
        known = len(prompt) + (1 if direct else 0)
        sequences.append((np.concatenate((prompt, target)), known))
    width = max(len(s) for s, _ in sequences) - 1
    ids = np.full((len(sequences), width), PAD, np.int64)
    wanted = np.full((len(sequences), width), -100, np.int64)
    for row, (s, known) in enumerate(sequences):
        ids[row, :len(s) - 1] = s[:-1]
        wanted[row, known - 1:len(s) - 1] = s[known:]
    return torch.from_numpy(ids), torch.from_numpy(wanted)


def named(model):
    """Every tensor under the name that a DeepSeek-V3 checkpoint gives it."""
    c = model.c
    out = {"model.embed_tokens.weight": model.embed, "lm_head.weight": model.head, "model.norm.weight": model.norm}
    for n, layer in enumerate(model.layers):
        at = f"model.layers.{n}."
        for name, t in (("input_layernorm", layer.ln1), ("post_attention_layernorm", layer.ln2), ("self_attn.q_proj", layer.q),
                        ("self_attn.kv_a_proj_with_mqa", layer.kv_a), ("self_attn.kv_a_layernorm", layer.kv_norm),
                        ("self_attn.kv_b_proj", layer.kv_b), ("self_attn.o_proj", layer.o)):
            out[f"{at}{name}.weight"] = t
        inner = "mlp.shared_experts" if layer.moe else "mlp"
        for name, t in (("gate", layer.gate), ("up", layer.up), ("down", layer.down)):
            out[f"{at}{inner}.{name}_proj.weight"] = t
        if layer.moe:
            out[f"{at}mlp.gate.weight"] = layer.router
            out[f"{at}mlp.gate.e_score_correction_bias"] = layer.bias
            for e in range(c["n_routed_experts"]):
                for name, t in (("gate", layer.e_gate), ("up", layer.e_up), ("down", layer.e_down)):
                    out[f"{at}mlp.experts.{e}.{name}_proj.weight"] = t[e]
    return out


@torch.no_grad()
def load(model, folder):
    """Copies the weights of an earlier stage into the model."""
    stored = load_file(folder / "model.safetensors")
    for name, t in named(model).items():
        t.copy_(stored[name])


@torch.no_grad()
def save(model, average, tokenizer, folder):
    """Writes the averaged weights; the model in training keeps its own."""
    model = copy.deepcopy(model)
    for name, p in model.named_parameters():
        p.copy_(average[name])
    c = model.c
    # The selection bias stays in float32, as the hub stores it.
    thin = lambda name, t: t.detach().clone() if name.endswith("bias") else t.detach().to(torch.bfloat16).contiguous()
    out = {name: thin(name, t) for name, t in named(model).items()}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(out, folder / "model.safetensors.new", metadata={"format": "pt"})
    os.replace(folder / "model.safetensors.new", folder / "model.safetensors")
    tokenizer.save(str(folder / "tokenizer.json"))
    text = lambda name, value: (folder / name).write_text(json.dumps(value, indent=2) + "\n")
    text("config.json", c)
    text("generation_config.json", {"bos_token_id": BOS, "eos_token_id": END, "pad_token_id": PAD, "do_sample": False})
    text("tokenizer_config.json", {"bos_token": SPECIAL[BOS], "eos_token": SPECIAL[END], "pad_token": SPECIAL[PAD],
                                   "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 2048})
    (folder / "chat_template.jinja").write_text(TEMPLATE)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("corpus")
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=70)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--resume", type=Path, help="a folder that an earlier stage wrote: its tokenizer and its weights")
    parser.add_argument("--rate", type=float, default=4e-3, help="the highest learning rate of the matrices")
    parser.add_argument("--hold", type=float, default=0.35, help="the share of the time before the rate falls")
    parser.add_argument("--tokens", type=int, default=4000, help="tokens a step, padding included")
    parser.add_argument("--threads", type=int, default=2)
    a = parser.parse_args()
    torch.manual_seed(a.seed)
    torch.set_num_threads(a.threads)
    generator = np.random.default_rng(a.seed)
    if a.resume:
        tokenizer = Tokenizer.from_file(str(a.resume / "tokenizer.json"))
    else:
        with open(a.corpus) as lines:
            texts = [json.loads(line) for _, line in zip(range(20_000), lines)]
        tokenizer = build_tokenizer([d[k] for d in texts for k in ("user", "steps")] + ["ANSWER: " + d["answer"] for d in texts])
    examples = encode(tokenizer, a.corpus)
    config = dict(CONFIG, vocab_size=tokenizer.get_vocab_size())
    model = Model(config)
    if a.resume:
        load(model, a.resume)
    matrices = [p for n, p in model.named_parameters() if p.ndim >= 2 and n.startswith("layers") and "router" not in n]
    chosen = set(map(id, matrices))
    others = [p for p in model.parameters() if id(p) not in chosen]
    muon = Muon(matrices)
    adam = torch.optim.AdamW(others, lr=3e-3, betas=(0.9, 0.97), weight_decay=0.0)
    average = {n: p.detach().clone() for n, p in model.named_parameters()}
    print(f"{sum(p.numel() for p in model.parameters())} parameters, vocabulary {config['vocab_size']}, {len(examples)} examples", flush=True)
    start, step, seen, kept = time.time(), 0, 0, []
    shown = start
    for parts in batches(examples, a.tokens, generator):
        spent = (time.time() - start) / (60 * a.minutes)
        if spent >= 1:
            break
        rate = a.rate * min(1, (step + 1) / 100) * min(1, max(0.02, (1 - spent) / (1 - a.hold)))
        made = [rows(examples, part, generator) for part in parts if part]
        count = sum(int((wanted >= 0).sum()) for _, wanted in made)
        loss_sum = 0.0
        for ids, wanted in made:
            state = model.hidden(ids)
            mask = wanted >= 0
            loss = F.cross_entropy(F.linear(state[mask], model.head), wanted[mask], reduction="sum") / count
            loss.backward()
            loss_sum += loss.item()
            seen += int((ids != PAD).sum())
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        muon.step(rate, 0.02)
        for group in adam.param_groups:
            group["lr"] = rate * 0.6
        adam.step()
        model.zero_grad(set_to_none=True)
        model.balance(0.001 if spent < 0.9 else 0.0)
        with torch.no_grad():
            keep = min(0.995, step / (step + 20))
            for n, p in model.named_parameters():
                average[n].lerp_(p, 1 - keep)
        kept.append(loss_sum)
        step += 1
        if time.time() - shown > 60:
            elapsed = time.time() - start
            print(f"{elapsed / 60:.1f} min, step {step}, {seen / 1e6:.2f} M tokens, {seen / elapsed:.0f} a second, "
                  f"loss {np.mean(kept[-50:]):.4f}", flush=True)
            save(model, average, tokenizer, a.out)
            shown = time.time()
    save(model, average, tokenizer, a.out)
    print(f"done: step {step}, {seen / 1e6:.2f} M tokens, {(time.time() - start) / 60:.1f} min", flush=True)


if __name__ == "__main__":
    main()
