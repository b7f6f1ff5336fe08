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
/// libtorch's CUDA libraries. The driver comes first: without one there is nothing to build for.
fn why_none(driver: Option<i32>, linked: bool) -> String {
    let too_old = |version| {
        let (major, minor) = (version / 1000, version % 1000 / 10);
        format!(
            "the NVIDIA driver is too old: it supports CUDA {major}.{minor}, and libtorch 2.13 needs CUDA 13.0. Install driver 580 \
             or later, or train on the CPU"
        )
    };
    match (driver, linked) {
        (Some(version @ 1..CUDA), _) => too_old(version),
        (Some(0), _) | (None, true) => {
            "there is no NVIDIA driver: install driver 580 or later (in a container, start it with the GPU), or train on the CPU"
                .into()
        }
        (_, true) => {
            "libtorch finds no CUDA device, although there is an NVIDIA driver. Look whether nvidia-smi -L lists a GPU, and \
             whether CUDA_VISIBLE_DEVICES hides it; or train on the CPU"
                .into()
        }
        (_, false) => {
            "this program has no CUDA: its libtorch is the CPU set, or it was linked without -ltorch. Build it again with \
             LENET_LIBTORCH=cuda scripts/with-libtorch cargo build --release, as docs/gpu.md says; or train on the CPU"
                .into()
        }
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
        for (index, count) in [(0, 1), (0, 2), (1, 2), (7, 8)] {
            let busy = || Err(TchError::Torch("CUDA-capable device(s) is/are busy\nframe".into()));
            assert_eq!(
                check_cuda(index, count, busy).unwrap_err(),
                "libtorch lists it and can't use it: CUDA-capable device(s) is/are busy. free it, choose another one, or train on \
                 the CPU"
            );
            check_cuda(index, count, || Ok(())).unwrap();
        }
    }

    #[test]
    fn a_gpu_that_is_not_listed_is_not_tried() {
        let not_there = || -> std::result::Result<(), TchError> { panic!("there is none") };
        let one = "libtorch finds one CUDA device, cuda:0";
        let two = "libtorch finds 2 CUDA devices, cuda:0 to cuda:1";
        for (index, count, expected) in
            [(1, 1, one), (99, 1, one), (2, 2, two), (3, 2, two), (usize::MAX, 2, two)]
        {
            assert_eq!(check_cuda(index, count, not_there).unwrap_err(), expected);
        }
        for count in [0, -1] {
            let reason = check_cuda(0, count, not_there).unwrap_err();
            assert!(reason.ends_with("or train on the CPU"), "{reason}");
        }
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

    /// By what the driver supports, and whether the program has libtorch's CUDA.
    #[test]
    fn the_reason_says_what_is_needed() {
        let old = ["the NVIDIA driver is too old: it supports CUDA 12.8, ", "driver 580 or later"];
        let oldest =
            ["supports CUDA 9.0, and libtorch 2.13 needs CUDA 13.0", "driver 580 or later"];
        let none = ["there is no NVIDIA driver: install driver 580 or later", "container"];
        let hidden = ["although there is an NVIDIA driver", "CUDA_VISIBLE_DEVICES"];
        let cpu_set = [
            "this program has no CUDA: its libtorch is the CPU set",
            "LENET_LIBTORCH=cuda scripts/with-libtorch cargo build --release",
        ];
        for (driver, linked, expected) in [
            (Some(12_080), true, old),
            (Some(12_080), false, old),
            (Some(9_000), true, oldest),
            (Some(12_999), true, ["it supports CUDA 12.99, ", "driver 580 or later"]),
            (Some(0), true, none),
            (Some(0), false, none),
            (None, true, none),
            (Some(13_000), true, hidden),
            (Some(13_020), true, hidden),
            (Some(13_000), false, cpu_set),
            (Some(13_020), false, cpu_set),
            (None, false, cpu_set),
        ] {
            let reason = why_none(driver, linked);
            for part in expected {
                assert!(reason.contains(part), "{driver:?}, {linked}: {reason}");
            }
            assert!(reason.ends_with("or train on the CPU"), "{reason}");
            assert!(!reason.contains('\n') && !reason.contains("  "), "{reason}");
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
