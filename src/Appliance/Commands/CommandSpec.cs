// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Capbox.Platform.Json;

namespace Capbox.Commands;

/// <summary>
/// What is known of a command without carrying it out: name, members, and the type of its result. Requests are read by it and schemas are
/// made of it.
/// </summary>
/// <param name="Name">As it is asked for.</param>
/// <param name="Summary">One line.</param>
/// <param name="Members">What it takes.</param>
internal abstract record CommandSpec(string Name, string Summary, IReadOnlyList<CommandMember> Members)
{
    /// <summary>Not for MQTT: there config/desired does it, where versions count.</summary>
    public bool IsSocketOnly { get; init; }

    public JsonObject RequestSchema() => CommandMember.Schema(Members);

    public abstract JsonNode ResultSchema();
}

/// <inheritdoc cref="CommandSpec"/>
/// <typeparam name="T">Of the result.</typeparam>
internal sealed record CommandSpec<T>(string Name, string Summary, IReadOnlyList<CommandMember> Members, JsonTypeInfo<T> Type) : CommandSpec(Name, Summary, Members)
{
    public override JsonNode ResultSchema() => JsonSchemas.Of(Type);

    /// <summary>The result as JSON text of one line.</summary>
    public string Text(T result) => JsonSerializer.Serialize(result, Type);
}
