// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using System.Text.Json.Serialization;
using Capbox.Health;
using Capbox.Packets.Capture;
using Capbox.Platform.Time;

namespace Capbox.Commands;

/// <summary>A command as <c>commands</c> lists it.</summary>
/// <param name="SocketOnly">Not for MQTT.</param>
/// <param name="Request">JSON Schema of its members.</param>
/// <param name="Result">JSON Schema of its result.</param>
internal sealed record CommandListing(string Name, string Summary, bool SocketOnly, JsonElement Request, JsonElement Result)
{
    public static CommandListing Make(CommandSpec spec) => new(spec.Name, spec.Summary, spec.IsSocketOnly, Element(spec.RequestSchema()), Element(spec.ResultSchema()));

    private static JsonElement Element(System.Text.Json.Nodes.JsonNode schema)
    {
        using JsonDocument document = JsonDocument.Parse(schema.ToJsonString());
        return document.RootElement.Clone();
    }
}

/// <summary>
/// The commands by name, for socket and broker alike. docs/reference/control.md is their manual; adding one is adding a <see
/// cref="CommandSpec"/> and a function.
/// </summary>
internal sealed class CommandTable
{
    private const int MaxReasonLength = 200;
    private static readonly CommandSpec<BoxSnapshot> s_status = new("status", "All counters now.", [], ControlJson.Default.BoxSnapshot);
    private static readonly CommandSpec<RotateAnswer> s_rotate = new("rotate", "Seals the segments and goes on in new ones, without losing a packet.", [], ControlJson.Default.RotateAnswer);
    private static readonly CommandSpec<TriggerAnswer> s_trigger = new(
        "trigger", "Mode trigger: writes what the rings keep, and goes on for a while.", [CommandMember.Text("reason", MaxReasonLength, "Why: for the log and the hold.")], ControlJson.Default.TriggerAnswer);

    private static readonly CommandSpec<IReadOnlyList<CommandListing>> s_commands = new(
        "commands", "The commands of this box with the schemas of what they take and give.", [CommandMember.Text("name", 64, "Only this one.")], CommandJson.Default.IReadOnlyListCommandListing);

    private readonly Dictionary<string, (CommandSpec Spec, Func<CommandRequest, string> Run)> _commands = [];

    /// <summary>None but <c>commands</c> yet.</summary>
    public CommandTable() => Add(s_commands, request =>
    {
        string? name = request.Text("name");
        if (name is not null && Find(name) is null)
            throw new RequestRefusedException($"there is no \"{name}\"") { Field = "name" };
        return [.. Specs.Where(s => name is null || s.Name == name).Select(CommandListing.Make)];
    });

    /// <param name="recorder">What they work on.</param>
    /// <param name="snapshot">All counters now.</param>
    public CommandTable(Recorder recorder, Func<BoxSnapshot> snapshot) : this()
    {
        Add(s_status, _ => snapshot());
        Add(s_rotate, _ =>
        {
            recorder.RequestRotation();
            return new RotateAnswer(Requested: true);
        });
        Add(s_trigger, request => Trigger(recorder.Trigger(request.Text("reason")?.Trim() is { Length: > 0 } reason ? reason : "no reason given")));
    }

    /// <summary>Every command that any box has, by name.</summary>
    public static IReadOnlyList<CommandSpec> All { get; } =
        [.. new CommandSpec[][] { [s_commands, s_status, s_rotate, s_trigger], ArchiveCommands.Specs, HoldCommands.Specs, BoxCommands.Specs, ConfigCommands.Specs }.SelectMany(s => s).OrderBy(s => s.Name, StringComparer.Ordinal)];

    /// <summary>Those that are here.</summary>
    public IEnumerable<CommandSpec> Specs => _commands.Values.Select(c => c.Spec).OrderBy(s => s.Name, StringComparer.Ordinal);

    /// <summary>Null: there is none of this name.</summary>
    public CommandSpec? Find(string name) => _commands.TryGetValue(name, out var command) ? command.Spec : null;

    /// <summary>Adds a command. Before the server starts.</summary>
    /// <param name="spec">What it takes and gives.</param>
    /// <param name="run">Carries it out; a <see cref="RequestRefusedException"/> is the error of the answer. The request has been
    /// read.</param>
    public void Add<T>(CommandSpec<T> spec, Func<CommandRequest, T> run) => _commands.Add(spec.Name, (spec, request => spec.Text(run(request))));

    /// <returns>The result as JSON text of one line.</returns>
    /// <exception cref="RequestRefusedException">Unknown, or not carried out.</exception>
    public string Run(CommandRequest request)
    {
        if (request.Command.Length == 0)
            request.Read([]);
        if (!_commands.TryGetValue(request.Command, out var command))
            throw new RequestRefusedException($"there is no \"{request.Command}\"; there are {string.Join(", ", Specs.Select(s => s.Name))}") { Field = "command" };
        request.Read(command.Spec.Members);
        return command.Run(request);
    }

    private static TriggerAnswer Trigger(TriggerResult result)
    {
        if (result.Window is not { } window)
            throw new RequestRefusedException(result.Problem ?? "not triggered");
        return new TriggerAnswer(
            window.Number, result.Prolonged, Text(window.TriggeredUtcNs), Text(window.FromUtcNs), Text(window.ReachedUtcNs), Text(window.ToUtcNs),
            window.ReachedUtcNs <= window.FromUtcNs && result.Rings > 0, result.Rings);
    }

    private static string Text(long utcNs) => new UtcTime(utcNs).ToString();
}

/// <summary>The list of commands; generated code.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(IReadOnlyList<CommandListing>))]
internal sealed partial class CommandJson : JsonSerializerContext;
