// Stands in for a profiler: the NVTX injection library that keeps what it is sent.
#include <nvtx3/nvToolsExt.h>

#include <string>

namespace {

std::string notes;

nvtxDomainHandle_t create_domain(const char* name) {
  notes += std::string("domain ") + name + "\n";
  return reinterpret_cast<nvtxDomainHandle_t>(&notes);
}

int push(nvtxDomainHandle_t domain, const nvtxEventAttributes_t* event) {
  notes += domain == reinterpret_cast<nvtxDomainHandle_t>(&notes) ? "" : "in another domain: ";
  notes += std::string("push ") + event->message.ascii + "\n";
  return 0;
}

int pop(nvtxDomainHandle_t) {
  notes += "pop\n";
  return 0;
}

}  // namespace

extern "C" {

/// What the test asks: lines "domain NAME", "push NAME", "pop".
const char* double_notes() { return notes.c_str(); }

int InitializeInjectionNvtx2(NvtxGetExportTableFunc_t table_of) {
  const auto* callbacks = static_cast<const NvtxExportTableCallbacks*>(table_of(NVTX_ETID_CALLBACKS));
  NvtxFunctionTable functions = nullptr;
  unsigned size = 0;
  if (!callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE2, &functions, &size)) return 0;
  *functions[NVTX_CBID_CORE2_DomainCreateA] = reinterpret_cast<NvtxFunctionPointer>(create_domain);
  *functions[NVTX_CBID_CORE2_DomainRangePushEx] = reinterpret_cast<NvtxFunctionPointer>(push);
  *functions[NVTX_CBID_CORE2_DomainRangePop] = reinterpret_cast<NvtxFunctionPointer>(pop);
  return 1;
}
}
