//! A module's functions in an order that compresses well, equal ones only once.
//!
//! Gzip looks back over 32 KiB: functions of one type and alike in their first bytes are put side by side. Generic
//! code compiled for types of the same shape comes out equal; all but one copy go. Neither changes what a module does.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{CodeSection, ExportSection, FunctionSection, ImportSection, Module};
use wasmparser::{
    CodeSectionReader, CustomSectionReader, Export, FunctionBody, FunctionSectionReader, Imports, Parser,
    Payload, TypeRef,
};

use crate::bundle::names::Names;

/// The module with its functions arranged, its imports and exports called by `names` where these have another for
/// them, and nothing in it that browsers do not need.
pub fn arranged(module: &[u8], names: &Names) -> Result<Vec<u8>> {
    let functions = Functions::read(module).context("the module cannot be read")?;
    let mut arrangement = functions.arrange(names).context("the module's functions cannot be arranged")?;
    let mut out = Module::new();
    arrangement
        .parse_core_module(&mut out, Parser::new(0), module)
        .context("the module cannot be written")?;
    Ok(out.finish())
}

/// The functions of a module as they stand in it.
struct Functions<'a> {
    /// Imported functions, which come first and stay where they are.
    imported: u32,
    /// Index of the type of each.
    types: Vec<u32>,
    bodies: Vec<FunctionBody<'a>>,
}

impl<'a> Functions<'a> {
    fn read(module: &'a [u8]) -> wasmparser::Result<Self> {
        let mut functions = Self { imported: 0, types: Vec::new(), bodies: Vec::new() };
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        functions.imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                    }
                }
                Payload::FunctionSection(types) => {
                    functions.types = types.into_iter().collect::<wasmparser::Result<_>>()?;
                }
                Payload::CodeSectionEntry(body) => functions.bodies.push(body),
                _ => {}
            }
        }
        Ok(functions)
    }

    /// Folds equal functions until none are left, and orders the rest by type and body.
    fn arrange(self, names: &'a Names) -> Result<Arrangement<'a>, Error> {
        let count = self.imported + u32::try_from(self.bodies.len()).unwrap_or(u32::MAX);
        let mut renamed = Renamed((0..count).collect());
        loop {
            let mut kept: Vec<(u32, Vec<u8>, usize)> = Vec::with_capacity(self.bodies.len());
            let mut known: HashMap<(u32, Vec<u8>), u32> = HashMap::with_capacity(self.bodies.len());
            let mut twins = Vec::new();
            for (place, body) in self.bodies.iter().enumerate() {
                let own = self.index(place);
                if renamed.index(own) != own {
                    continue;
                }
                let key = (self.types[place], renamed.body(body)?);
                if let Some(first) = known.get(&key) {
                    twins.push((own, *first));
                } else {
                    kept.push((key.0, key.1.clone(), place));
                    known.insert(key, own);
                }
            }
            if twins.is_empty() {
                kept.sort_unstable();
                let order = kept.into_iter().map(|(.., place)| place).collect();
                return Ok(self.in_order(&renamed, order, names));
            }
            for (twin, first) in twins {
                renamed.0.iter_mut().filter(|name| **name == twin).for_each(|name| *name = first);
            }
        }
    }

    fn in_order(self, folded: &Renamed, order: Vec<usize>, names: &'a Names) -> Arrangement<'a> {
        let mut places: HashMap<u32, u32> = (0..self.imported).map(|index| (index, index)).collect();
        places.extend((self.imported..).zip(&order).map(|(new, place)| (self.index(*place), new)));
        let renamed = folded.0.iter().map(|name| places.get(name).copied().unwrap_or(*name)).collect();
        Arrangement { functions: self, order, renamed: Renamed(renamed), names }
    }

    fn index(&self, place: usize) -> u32 {
        self.imported + u32::try_from(place).unwrap_or(u32::MAX)
    }
}

/// What each function is called now.
struct Renamed(Vec<u32>);

impl Renamed {
    fn index(&self, function: u32) -> u32 {
        self.0.get(function as usize).copied().unwrap_or(function)
    }

    /// A body that calls functions by their new names.
    fn body(&mut self, body: &FunctionBody<'_>) -> Result<Vec<u8>, Error> {
        let mut function = self.new_function_with_parsed_locals(body)?;
        let mut instructions = body.get_operators_reader()?;
        while !instructions.eof() {
            function.instruction(&self.parse_instruction(&mut instructions)?);
        }
        Ok(function.into_raw_body())
    }
}

impl Reencode for Renamed {
    type Error = core::convert::Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error> {
        Ok(self.index(function))
    }
}

/// Functions, which of them are written in which order, and what they are called then.
struct Arrangement<'a> {
    functions: Functions<'a>,
    order: Vec<usize>,
    renamed: Renamed,
    names: &'a Names,
}

impl Reencode for Arrangement<'_> {
    type Error = core::convert::Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error> {
        Ok(self.renamed.index(function))
    }

    fn parse_imports(&mut self, section: &mut ImportSection, imports: Imports<'_>) -> Result<(), Error> {
        if let Imports::Single(_, import) = imports {
            let ty = self.entity_type(import.ty)?;
            section.import(import.module, self.names.of(import.name), ty);
            return Ok(());
        }
        utils::parse_imports(self, section, imports)
    }

    fn parse_export(&mut self, section: &mut ExportSection, export: Export<'_>) -> Result<(), Error> {
        let (kind, index) = (self.export_kind(export.kind)?, self.external_index(export.kind, export.index)?);
        section.export(self.names.of(export.name), kind, index);
        Ok(())
    }

    fn parse_custom_section(&mut self, _: &mut Module, _: CustomSectionReader<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        section: &mut FunctionSection,
        _: FunctionSectionReader<'_>,
    ) -> Result<(), Error> {
        for place in &self.order {
            section.function(self.functions.types[*place]);
        }
        Ok(())
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, _: CodeSectionReader<'_>) -> Result<(), Error> {
        for place in &self.order {
            code.raw(&self.renamed.body(&self.functions.bodies[*place])?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{
        ConstExpr, ElementSection, Elements, EntityType, ExportKind, Function, RefType, TableSection,
        TableType, TypeSection, ValType,
    };

    /// An import, two leaves that are equal, two callers that are equal once their leaves are, and one of another kind.
    fn module() -> Vec<u8> {
        let mut module = Module::new();
        let mut types = TypeSection::new();
        types.ty().function([], [ValType::I32]);
        types.ty().function([], []);
        module.section(&types);
        let mut imports = ImportSection::new();
        imports.import("a", "b", EntityType::Function(1));
        module.section(&imports);
        let mut functions = FunctionSection::new();
        for ty in [1, 0, 0, 0, 0] {
            functions.function(ty);
        }
        module.section(&functions);
        let mut tables = TableSection::new();
        let table = TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: 2,
            maximum: None,
            shared: false,
        };
        tables.table(table);
        module.section(&tables);
        let mut exports = ExportSection::new();
        exports.export("one", ExportKind::Func, 4);
        exports.export("other", ExportKind::Func, 5);
        module.section(&exports);
        let mut elements = ElementSection::new();
        elements.active(Some(0), &ConstExpr::i32_const(0), Elements::Functions([2, 3].as_slice().into()));
        module.section(&elements);
        let mut code = CodeSection::new();
        let mut add = |instructions: &dyn Fn(&mut Function)| {
            let mut function = Function::new([]);
            instructions(&mut function);
            function.instructions().end();
            code.function(&function);
        };
        add(&|f| {
            f.instructions().call(0);
        });
        for _ in 0..2 {
            add(&|f| {
                f.instructions().i32_const(7);
            });
        }
        for leaf in [2, 3] {
            add(&|f| {
                f.instructions().call(leaf);
            });
        }
        module.section(&code);
        module.finish()
    }

    #[test]
    fn equal_functions_are_folded_and_the_rest_follow_their_types() {
        let names = Names::default();
        let module = arranged(&module(), &names).unwrap();
        let functions = Functions::read(&module).unwrap();
        assert_eq!((functions.imported, functions.types.as_slice()), (1, &[0, 0, 1][..]));
        let exports = Parser::new(0).parse_all(&module).find_map(|payload| match payload.unwrap() {
            Payload::ExportSection(exports) => {
                Some(exports.into_iter().map(|export| export.unwrap().index).collect::<Vec<_>>())
            }
            _ => None,
        });
        let exports = exports.unwrap();
        assert_eq!(exports[0], exports[1], "both callers are one function");
        assert_eq!(arranged(&module, &names).unwrap(), module, "there is nothing left to do");
    }

    #[test]
    fn what_is_no_module_is_refused() {
        assert!(arranged(b"\0asm\x01\0\0\0\x0a\x02\x01", &Names::default()).is_err());
    }
}
