// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Platform.Linux;

/// <summary>
/// The C headers that define the constants of a class. A constant has the name that the header gives it, or a
/// <see cref="CConstantAttribute"/>. AbiTests makes a C program of these attributes and
/// compares the values with those of the headers of the machine.
/// </summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Enum)]
internal sealed class CHeadersAttribute(params string[] headers) : Attribute
{
    public IReadOnlyList<string> Headers => headers;
}

/// <summary>The C type that a struct mirrors, and its headers, which also define the constants of the struct.</summary>
[AttributeUsage(AttributeTargets.Struct)]
internal sealed class CStructAttribute(string type, params string[] headers) : Attribute
{
    public string Type => type;

    public IReadOnlyList<string> Headers => headers;

    /// <summary>What the names of the members begin with: <c>tp_</c>. The rest is the field's name in snake case.</summary>
    public string Prefix { get; init; } = "";
}

/// <summary>
/// The member that a field mirrors, where its name is not the field's name in snake case behind the prefix of the struct.
/// </summary>
[AttributeUsage(AttributeTargets.Field)]
internal sealed class CFieldAttribute(string member) : Attribute
{
    public string Member => member;

    /// <summary>
    /// The field lies right behind the member: its own name differs between the headers of the kernels that capbox supports.
    /// </summary>
    public bool IsBehind { get; init; }
}

/// <summary>The C expression that a constant equals, where the header has another name for it, or several.</summary>
[AttributeUsage(AttributeTargets.Field)]
internal sealed class CConstantAttribute(string expression) : Attribute
{
    public string Expression => expression;
}

/// <summary>A number that no header defines: a size or a bound that capbox chose.</summary>
[AttributeUsage(AttributeTargets.Field)]
internal sealed class OwnChoiceAttribute : Attribute;
