//! Back to JSON Schema, in one canonical form.

use std::fmt;

use serde_json::{Map, Value, json};

use super::{INTEGER_MAX, Kind, Schema};

impl Schema {
    /// The schema as JSON Schema; [`Schema::parse`] of it gives an equal schema.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut map = Map::new();
        map.insert("type".to_owned(), self.kind.keyword().into());
        let mut put = |keyword: &str, value: Option<Value>| {
            if let Some(value) = value {
                map.insert(keyword.to_owned(), value);
            }
        };
        put("description", self.description.clone().map(Value::String));
        match &self.kind {
            Kind::Object(object) => {
                let properties = object.properties.iter().map(|(name, schema)| (name.clone(), schema.to_value()));
                put("properties", Some(Value::Object(properties.collect())));
                put("required", (!object.required.is_empty()).then(|| json!(object.required)));
                put("additionalProperties", Some(Value::Bool(false)));
            }
            Kind::Array(array) => {
                put("items", Some(array.items.to_value()));
                put("minItems", (array.items_min > 0).then(|| array.items_min.into()));
                put("maxItems", array.items_max.map(Value::from));
            }
            Kind::Text(text) => {
                put("minLength", (text.len_min > 0).then(|| text.len_min.into()));
                put("maxLength", text.len_max.map(Value::from));
                put("enum", text.values.as_ref().map(|values| json!(values)));
            }
            Kind::Integer(integer) => {
                put("minimum", (integer.min > -INTEGER_MAX).then(|| integer.min.into()));
                put("maximum", (integer.max < INTEGER_MAX).then(|| integer.max.into()));
            }
            Kind::Number | Kind::Boolean => {}
        }
        Value::Object(map)
    }
}

impl fmt::Display for Schema {
    /// Writes the canonical JSON (keys sorted, no spaces).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = serde_json_canonicalizer::to_vec(&self.to_value()).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&bytes).map_err(|_| fmt::Error)?)
    }
}
