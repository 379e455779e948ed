/* foresee.c: see foresee.h. */
#include "backends/cuda/foresee.h"
#include "backends/cuda/device.h"
#include "backends/cuda/emit.h"
#include "backends/cuda/nvrtc.h"

CudaForesight cuda_foresee(IrFunc *f, const BackendOptions *o) {
    CudaForesight out = {0};
    char arch[24];
    const char *why;
    f->numbers_named = o->carried != NULL;
    FusePlan *plan = ir_fuse_plain(f);
    bool blas = !o->carried && cuda_wide_product(plan) && cuda_blas(&why);
    CudaProgram *p = cuda_emit(plan, !o->any_order, blas);
    out.text_bytes = strlen(p->text);
    for (int k = 0; k < p->kernels.len && !out.refused; k++)
        if (p->kernels.data[k]->args.len > CUDA_ARGS_MOST)
            out.refused = arena_printf(f->arena, "a kernel would take %d arrays and numbers, and %d is the most",
                                       p->kernels.data[k]->args.len, CUDA_ARGS_MOST);
    const CudaDevice *d = o->to_look ? NULL : cuda_device_found(&why);
    Diags *unsaid = diags_new(f->arena); /* what is wrong with NVRTC is said where code is made */
    if (cuda_choose_arch(unsaid, (Span){0}, o, d ? d->major : 0, d ? d->minor : 0, arch))
        out.compiled = cuda_is_compiled(p->text, arch, d ? d->driver_version : 0, o);
    mem_free(p->text);
    if (!out.compiled && !out.refused && o->carried && !cuda_nvrtc(&why))
        out.refused = "this program has no code for it, and there is no NVRTC";
    return out;
}
