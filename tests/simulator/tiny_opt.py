"""A causal language model of Hugging Face that is small enough to be made by a test, without network."""

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from simulator.data import passages


def save(folder: Path, block: int) -> str:
    """Save an OPT of two layers, with a tokenizer of 300 tokens, into a folder; return the folder's path."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=alphabet, special_tokens=["<pad>", "</s>"], show_progress=False
    )
    made.train_from_iterator(passages.read("", 0.1).pool[:20], trainer)
    fast: Any = transformers.PreTrainedTokenizerFast  # without types
    tokenizer = fast(tokenizer_object=made, pad_token="<pad>", eos_token="</s>")
    tokenizer.save_pretrained(folder)
    config = transformers.OPTConfig(
        vocab_size=300, hidden_size=16, word_embed_proj_dim=16, num_hidden_layers=2, ffn_dim=32, num_attention_heads=2,
        max_position_embeddings=2 * block, pad_token_id=0, bos_token_id=1, eos_token_id=1,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        transformers.OPTForCausalLM(config).save_pretrained(folder)
    return str(folder)
