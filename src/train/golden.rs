use safetensors::SafeTensors;

/// What tests/golden/optimizers.py wrote.
pub(crate) struct Golden(SafeTensors<'static>);

impl Golden {
    pub fn open() -> Golden {
        let file = include_bytes!("../../tests/golden/optimizers.safetensors");
        Golden(SafeTensors::deserialize(file).unwrap())
    }

    /// The numbers of a tensor in `f32`.
    pub fn floats(&self, name: &str) -> Vec<f32> {
        let (numbers, rest) = self.0.tensor(name).unwrap().data().as_chunks();
        assert!(rest.is_empty());
        numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    }

    /// The rows of a matrix in `f32`.
    pub fn rows(&self, name: &str) -> Vec<Vec<f32>> {
        let [_, length] = self.0.tensor(name).unwrap().shape()[..] else { panic!("{name}") };
        self.floats(name).chunks(length).map(<[f32]>::to_vec).collect()
    }

    /// The numbers of a tensor in `f64`.
    pub fn numbers(&self, name: &str) -> Vec<f64> {
        let (numbers, rest) = self.0.tensor(name).unwrap().data().as_chunks();
        assert!(rest.is_empty());
        numbers.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect()
    }
}
