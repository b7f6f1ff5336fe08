//! What tch does not bind: libtorch's switches for cuDNN, under the C++ names that libtorch_cpu 2.13 exports, and the version of
//! the NVIDIA driver. A libtorch that lacks one of these names does not link: see build-notes.md.

#![allow(unsafe_code)]

use crate::Result;
use std::sync::{Mutex, PoisonError};

/// How cuDNN may compute, for the whole process, as in `torch.backends.cudnn`. On a CPU it changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cudnn {
    /// Whether convolutions may round their inputs to TF32: PyTorch's `allow_tf32`.
    pub allow_tf32: bool,
    /// Whether it takes only kernels that sum in a fixed order: PyTorch's `deterministic`.
    pub deterministic: bool,
}

#[cfg(not(target_env = "msvc"))]
mod switches {
    use std::ffi::c_int;

    /// `at::Context`, of which there is one.
    #[repr(C)]
    pub struct Context([u8; 0]);

    /// Of the enumerations in ATen/Context.h: `Float32Backend::CUDA`, `Float32Op::CONV`, `Float32Precision::TF32`.
    pub const CUDA_CONVOLUTION: (c_int, c_int) = (1, 1);
    pub const TF32: c_int = 2;

    unsafe extern "C" {
        #[link_name = "_ZN2at13globalContextEv"]
        pub fn global_context() -> *mut Context;
        #[link_name = "_ZN2at7Context17setAllowTF32CuDNNEb"]
        pub fn set_allow_tf32(context: *mut Context, allow: bool);
        #[link_name = "_ZN2at7Context21setDeterministicCuDNNEb"]
        pub fn set_deterministic(context: *mut Context, deterministic: bool);
        #[link_name = "_ZNK2at7Context16float32PrecisionENS_14Float32BackendENS_9Float32OpE"]
        pub fn precision(context: *const Context, backend: c_int, operation: c_int) -> c_int;
        #[link_name = "_ZNK2at7Context18deterministicCuDNNEv"]
        pub fn deterministic(context: *const Context) -> bool;
    }
}

impl Cudnn {
    /// What libtorch is set to.
    #[cfg(not(target_env = "msvc"))]
    pub fn current() -> Cudnn {
        use switches::{CUDA_CONVOLUTION, TF32, deterministic, global_context, precision};
        let (backend, operation) = CUDA_CONVOLUTION;
        // SAFETY: the functions have these types; the context lives as long as the process; the pair is one of those that it
        // knows, so that it throws nothing.
        unsafe {
            let context = global_context();
            Cudnn {
                allow_tf32: precision(context, backend, operation) == TF32,
                deterministic: deterministic(context),
            }
        }
    }

    /// Sets libtorch to this, where it is set to something else.
    #[cfg(not(target_env = "msvc"))]
    pub fn apply(self) -> Result<()> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        if Cudnn::current() != self {
            // SAFETY: as above; nothing else in this process sets them at the same time.
            unsafe {
                let context = switches::global_context();
                switches::set_allow_tf32(context, self.allow_tf32);
                switches::set_deterministic(context, self.deterministic);
            }
        }
        Ok(())
    }

    /// Windows has other C++ names: PyTorch's defaults stay.
    #[cfg(target_env = "msvc")]
    pub fn apply(self) -> Result<()> {
        if self.allow_tf32 && !self.deterministic {
            return Ok(());
        }
        let expected = "PyTorch's defaults, allow_tf32 and not deterministic, on Windows";
        Err(crate::Error::invalid("config", expected, format!("{self:?}")))
    }
}

/// The newest CUDA that the NVIDIA driver supports, as 1000 · major + 10 · minor; 0 where there is no driver. None where libtorch
/// came without NVIDIA's runtime, which knows.
#[cfg(target_os = "linux")]
pub(crate) fn driver_cuda() -> Option<i32> {
    use std::{
        ffi::{c_char, c_int, c_void},
        mem, ptr,
    };
    unsafe extern "C" {
        fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    }
    type DriverGetVersion = unsafe extern "C" fn(version: *mut c_int) -> c_int;
    // SAFETY: a null library (RTLD_DEFAULT) stands for those that are loaded. The function, where one of them has it, is of this
    // type (cuda_runtime_api.h), and writes nothing but the number.
    unsafe {
        let found = dlsym(ptr::null_mut(), c"cudaDriverGetVersion".as_ptr());
        if found.is_null() {
            return None;
        }
        let mut version = 0;
        let failed = mem::transmute::<*mut c_void, DriverGetVersion>(found)(&mut version);
        (failed == 0).then_some(version)
    }
}

/// Not known elsewhere.
#[cfg(not(target_os = "linux"))]
pub(crate) fn driver_cuda() -> Option<i32> {
    None
}
