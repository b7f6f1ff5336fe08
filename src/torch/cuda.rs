use super::context::driver_cuda;
use crate::{Error, Result, train::device_name};
use tch::{Cuda, Device, Kind, TchError, Tensor, no_grad_guard, utils::has_cudart};

/// An [`Error::NoDevice`] where a network can't be trained on the device: a convolution is computed there.
pub(crate) fn check_device(device: Device) -> Result<()> {
    let reason = match device {
        Device::Cpu => return Ok(()),
        Device::Mps | Device::Vulkan => "only cpu and cuda are supported".into(),
        Device::Cuda(index) => match check_cuda(index, Cuda::device_count(), || compute(device)) {
            Ok(()) => return Ok(()),
            Err(reason) => reason,
        },
    };
    Err(Error::NoDevice { device: device_name(device), reason })
}

/// Whether that one of `count` CUDA devices is there, and computes; otherwise why not.
fn check_cuda(
    index: usize,
    count: i64,
    compute: impl FnOnce() -> std::result::Result<(), TchError>,
) -> std::result::Result<(), String> {
    match count {
        ..=0 => Err(why_none(driver_cuda(), has_cudart())),
        _ if i64::try_from(index).is_ok_and(|index| index < count) => compute().map_err(unusable),
        1 => Err("libtorch finds one CUDA device, cuda:0".into()),
        _ => Err(format!("libtorch finds {count} CUDA devices, cuda:0 to cuda:{}", count - 1)),
    }
}

/// libtorch 2.13's wheel is built with this CUDA, as the driver's version is written.
const CUDA: i32 = 13_000;

/// Why libtorch finds no CUDA device, and what to do. `driver` is [`driver_cuda`]; `linked` says whether the program has
/// libtorch's CUDA libraries.
fn why_none(driver: Option<i32>, linked: bool) -> String {
    let too_old = |version| {
        let (major, minor) = (version / 1000, version % 1000 / 10);
        format!(
            "the NVIDIA driver is too old: it supports CUDA {major}.{minor}, and libtorch 2.13 needs CUDA 13.0. Install driver 580 \
             or later, or train on the CPU"
        )
    };
    match driver {
        Some(version @ 1..CUDA) => too_old(version),
        None | Some(0) if linked => {
            "there is no NVIDIA driver: install driver 580 or later, or train on the CPU".into()
        }
        _ if linked => {
            "libtorch finds no CUDA device, although there is an NVIDIA driver. Look whether nvidia-smi -L lists a GPU, and \
             whether CUDA_VISIBLE_DEVICES hides it; or train on the CPU"
                .into()
        }
        _ => "this program has no CUDA: it was linked with libtorch's CPU set, or without -ltorch. docs/gpu.md says how to build it \
              with CUDA; or train on the CPU"
            .into(),
    }
}

/// Computes a convolution on the device, and waits for it. What libtorch lists may be of no use: too old for its kernels, full, or
/// another process's alone.
fn compute(device: Device) -> std::result::Result<(), TchError> {
    let _no_grad = no_grad_guard();
    let ones = Tensor::f_ones([1, 1, 5, 5], (Kind::Float, device))?;
    ones.f_conv2d(&ones, None::<Tensor>, 1, 0, 1, 1)?.f_double_value(&[0, 0, 0, 0])?;
    Ok(())
}

/// What libtorch says to a device that it lists and can't use, in one line.
fn unusable(error: TchError) -> String {
    let Error::Torch { message, .. } = Error::from(error) else { return String::new() };
    let hint = match message.contains("no kernel image") {
        true => "libtorch 2.13 needs compute capability 7.5 (Turing) or newer; train on the CPU",
        false => "free it, choose another one, or train on the CPU",
    };
    format!("libtorch lists it and can't use it: {message}. {hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_tried() {
        compute(Device::Cpu).unwrap();
        // No libtorch of this crate's has Vulkan: stands for a GPU that fails in its first kernel.
        let reason = unusable(compute(Device::Vulkan).unwrap_err());
        assert!(reason.contains("can't use it: ") && reason.contains("the CPU"), "{reason}");
        assert!(!reason.contains('\n'), "{reason}");
    }

    #[test]
    fn a_gpu_that_is_listed_has_to_compute() {
        let busy = || Err(TchError::Torch("CUDA-capable device(s) is/are busy\nframe".into()));
        let reason = check_cuda(1, 2, busy).unwrap_err();
        assert!(reason.contains("libtorch lists it and can't use it: CUDA-capable"), "{reason}");
        check_cuda(1, 2, || Ok(())).unwrap();
        let not_there = || -> std::result::Result<(), TchError> { panic!("there is none") };
        for (count, expected) in [(1, "one CUDA device, cuda:0"), (2, "cuda:0 to cuda:1")] {
            let reason = check_cuda(2, count, not_there).unwrap_err();
            assert!(reason.contains(expected), "{reason}");
        }
        assert!(check_cuda(usize::MAX, 2, not_there).is_err());
        assert!(check_cuda(0, 0, not_there).unwrap_err().contains("train on the CPU"));
    }

    #[test]
    fn a_gpu_that_is_too_old_is_told_so() {
        let error =
            "CUDA error: no kernel image is available for execution on the device\nframe #0: …";
        let reason = unusable(TchError::Torch(error.into()));
        assert!(reason.contains("no kernel image") && reason.contains("7.5"), "{reason}");
        assert!(!reason.contains("frame"), "{reason}");
        assert!(!unusable(TchError::Torch("CUDA out of memory".into())).contains("7.5"));
    }

    #[test]
    fn the_reason_says_what_is_needed() {
        let old = why_none(Some(12_080), true);
        assert!(old.contains("CUDA 12.8") && old.contains("580"), "{old}");
        assert_eq!(why_none(Some(12_080), false), old);
        assert!(why_none(Some(13_000), true).contains("CUDA_VISIBLE_DEVICES"));
        for linked in [Some(13_000), Some(0), None].map(|driver| why_none(driver, false)) {
            assert!(linked.contains("docs/gpu.md"), "{linked}");
        }
        for none in [Some(0), None].map(|driver| why_none(driver, true)) {
            assert!(none.contains("no NVIDIA driver"), "{none}");
        }
    }

    #[test]
    fn only_cpu_and_cuda_are_devices() {
        check_device(Device::Cpu).unwrap();
        for device in [Device::Mps, Device::Vulkan] {
            let error = check_device(device).unwrap_err();
            assert!(error.to_string().contains("only cpu and cuda"), "{error}");
        }
    }
}
