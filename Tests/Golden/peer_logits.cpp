// Writes what llama.cpp, or bitnet.cpp's fork of it, computes for a sequence of token ids: the logits after the last of
// them, then the greedy continuation and how far the best logit of each step was ahead of the second.
//
//     peer_logits MODEL OUT.f32 COUNT ID...
//
// Compile it in the peer's folder, for bitnet.cpp with -DPEER_IS_BITNET:
//
//     c++ -O1 -Iinclude -Iggml/include peer_logits.cpp build/src/libllama.a build/ggml/src/libggml*.a -fopenmp -o peer_logits
//
// peer_agreement.py beside this file explains the differences that it shows.

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "llama.h"

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  llama_backend_init();
  llama_model_params model_params = llama_model_default_params();
  llama_model *model = llama_load_model_from_file(argv[1], model_params);
  if (!model) return 1;
  llama_context_params params = llama_context_default_params();
  params.n_ctx = 256;
  params.n_threads = params.n_threads_batch = 2;
#ifndef PEER_IS_BITNET  // which takes no F32 there
  params.type_k = params.type_v = GGML_TYPE_F32;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;  // which makes halves of keys and values again
#endif
  llama_context *context = llama_new_context_with_model(model, params);
  if (!context) return 1;
  const int count = atoi(argv[3]);
  std::vector<llama_token> tokens;
  for (int i = 4; i < argc; i++) tokens.push_back(atoi(argv[i]));
#ifdef PEER_IS_BITNET
  const int vocabulary = llama_n_vocab(model);
#else
  const int vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model));
#endif
  for (int step = 0; step <= count; step++) {
    llama_batch batch = llama_batch_init((int)tokens.size(), 0, 1);
    static int position = 0;
    for (size_t i = 0; i < tokens.size(); i++) {
      batch.token[i] = tokens[i];
      batch.pos[i] = position++;
      batch.n_seq_id[i] = 1;
      batch.seq_id[i][0] = 0;
      batch.logits[i] = i + 1 == tokens.size();
    }
    batch.n_tokens = (int)tokens.size();
    if (llama_decode(context, batch) != 0) return 1;
    const float *logits = llama_get_logits_ith(context, batch.n_tokens - 1);
    if (step == 0) {
      FILE *file = fopen(argv[2], "wb");
      if (!file || fwrite(logits, 4, vocabulary, file) != (size_t)vocabulary) return 1;
      fclose(file);
    }
    int best = 0, second = 1;
    for (int i = 1; i < vocabulary; i++) {
      if (logits[i] > logits[best]) {
        second = best;
        best = i;
      } else if (i != best && logits[i] > logits[second]) {
        second = i;
      }
    }
    if (step < count) printf("%d %g\n", best, logits[best] - logits[second]);
    tokens.assign(1, best);
    llama_batch_free(batch);
  }
  return 0;
}
