#[cfg(test)]
mod tests {
    #[test]
    fn passes() {}

    #[test]
    fn adds() {
        assert_eq!(1 + 1, 3, "sums of 7");
    }
}
