#!/usr/bin/env bash
# Lets PyPI's torchvision, which is linked against CUDA, load its CPU operators beside a CPU build
# of torch. Usage: cpu_operators.sh ENVIRONMENT. Needs gcc, nm and nvidia-cuda-runtime in it.
set -euo pipefail
environment=$(realpath "$1")
packages=$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
hollow="$environment/hollow_cuda"
mkdir -p "$hollow"

# What torchvision's extension wants and no CPU library of torch has: the CUDA registrations.
symbols() { nm -D "$1" "$2" | awk '{print $NF}' | sed 's/@.*//' | sort -u; }
for library in c10 torch torch_cpu torch_python; do
    symbols --defined-only "$packages/torch/lib/lib$library.so"
done | sort -u > "$hollow/known"
nm -D --undefined-only "$packages/torchvision/_C.so" | awk '{print $2}' | grep -v '@' \
    | grep -v -E '^(_ITM_|__gmon_start__|_ZTH)' | sort -u > "$hollow/wanted"
comm -13 "$hollow/known" "$hollow/wanted" | awk '
    /allocatorE$/ { printf "char data%d[64] __asm__(\"%s\");\n", NR, $1; next }
    { printf "int call%d(void) __asm__(\"%s\"); int call%d(void) { return 0; }\n", NR, $1, NR }
' > "$hollow/hollow.c"
gcc -shared -fPIC -Wl,-soname,libc10_cuda.so -o "$hollow/libc10_cuda.so" "$hollow/hollow.c"
echo 'int nothing;' | gcc -x c -shared -fPIC -Wl,-soname,libtorch_cuda.so \
    -o "$hollow/libtorch_cuda.so" -

runtime=$(dirname "$(find "$packages/nvidia" -name 'libcudart.so*' | head -n 1)")
cat > "$environment/bin/python-cpu" <<END
#!/bin/sh
LD_LIBRARY_PATH="$hollow:$runtime" exec "$environment/bin/python" "\$@"
END
chmod +x "$environment/bin/python-cpu"
"$environment/bin/python-cpu" -c 'import torch, torchvision
print(torchvision.ops.nms(torch.rand(5, 4), torch.rand(5), 0.5), torch.__version__)'
