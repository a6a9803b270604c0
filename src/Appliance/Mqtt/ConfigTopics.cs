// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Capbox.Changes;
using Capbox.Commands;
using Capbox.Config;
using Capbox.Platform.Json;

namespace Capbox.Mqtt;

/// <summary>
/// <c>config/desired</c>, <c>config/confirm</c> and <c>config/reported</c>: what is said there, to the configurator and back. No connection
/// here.
/// </summary>
/// <param name="configurator">Null: the box was started with a file and stays with it.</param>
internal sealed class ConfigTopics(IConfigurator? configurator)
{
    /// <summary>Leaves room above: who uses up all versions at a stroke would lock out everybody after.</summary>
    public const long MaxVersion = 9_000_000_000_000_000_000;

    private static readonly JsonDocumentOptions s_strict = new() { MaxDepth = 24 };

    /// <summary>Somebody wants a document in force.</summary>
    /// <param name="payload">JSON.</param>
    /// <param name="isRetained">Comes again at each connect: one that was dealt with is no news.</param>
    /// <param name="who">For the revision.</param>
    /// <returns>What to report at once; null: the configurator's own report says it.</returns>
    public ConfigReport? Desired(ReadOnlyMemory<byte> payload, bool isRetained, string who)
    {
        if (payload.Length == 0)
            return null; // a retained message that was taken away
        ConfigErrors errors = new();
        ConfigProposal? proposal = ReadDesired(payload, who, errors, out long version, out string id);
        if (configurator is null)
            errors.Add("$", "this box was started with a configuration file and stays with it; one that keeps its configuration itself can be configured");
        if (errors.Count > 0)
            return Refused(version, id, errors);
        if (isRetained && version <= configurator!.Report.HighestVersion)
            return null;
        ConfigReport report = configurator!.Apply(proposal!);
        // While something waits to be confirmed, what is refused is told but not kept.
        return report.Status == ConfigStatus.Rejected && !ReferenceEquals(report, configurator.Report) ? report : null;
    }

    /// <summary>Somebody confirms the pending document.</summary>
    /// <exception cref="RequestRefusedException">Nothing with this id waits.</exception>
    public void Confirm(ReadOnlyMemory<byte> payload, string who)
    {
        ConfigErrors errors = new();
        string? id = null;
        Read(payload, errors, node => id = node.Text("id", required: true));
        if (errors.Count > 0)
            throw new RequestRefusedException(errors.All[0].ToString());
        if (configurator is null)
            throw new RequestRefusedException("this box does not keep its configuration itself");
        try
        {
            configurator.Confirm(id!, who);
        }
        catch (ConfigRefusedException e)
        {
            throw new RequestRefusedException(e.Message, e) { Field = e.Field };
        }
    }

    /// <summary>For each connect and each change; null where there is no configurator.</summary>
    public ReportedMessage? Reported() => configurator is null ? null : ReportedMessage.From(configurator.Report);

    private ConfigReport Refused(long version, string id, ConfigErrors errors)
    {
        ConfigReport? now = configurator?.Report;
        return new ConfigReport(version, id, ConfigStatus.Rejected, errors.All)
        {
            HighestVersion = now?.HighestVersion ?? 0,
            Revision = now?.Revision ?? 0,
            Document = now?.Document ?? "{}",
        };
    }

    private static ConfigProposal? ReadDesired(ReadOnlyMemory<byte> payload, string who, ConfigErrors errors, out long version, out string id)
    {
        ConfigProposal? proposal = null;
        long givenVersion = 0;
        string givenId = "";
        Read(payload, errors, node =>
        {
            if (!node.Has("version"))
                node.Error("version", "this key is required");
            givenVersion = node.Number("version", 0, 1, MaxVersion);
            givenId = node.Text("id", required: true) ?? "";
            if (givenId.Length > 200 || givenId.Any(char.IsControl))
                node.Error("id", "at most 200 characters, none of them a control character");
            long baseRevision = node.Number("base", 0, 1, long.MaxValue);
            long confirm = node.Number("confirmSeconds", -1, 0, ChangeSection.MaxSeconds);
            string why = node.Text("why") ?? "";
            if (node.Element("config") is not { } document)
                return;
            proposal = new ConfigProposal(ConfigDocument.Read(document), who)
            {
                Version = givenVersion,
                Id = givenId,
                BaseRevision = baseRevision > 0 ? baseRevision : null,
                ConfirmSeconds = confirm >= 0 ? (int)confirm : null,
                Why = why.Length > 200 ? why[..200] : why,
            };
        });
        (version, id) = (givenVersion, givenId.Length > 200 ? givenId[..200] : givenId);
        return proposal;
    }

    private static void Read(ReadOnlyMemory<byte> payload, ConfigErrors errors, Action<JsonNodeReader> read)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(payload, s_strict);
            var node = new JsonNodeReader(document.RootElement, "$", errors);
            if (errors.Count > 0)
                return;
            read(node);
            node.Finish();
        }
        catch (JsonException e)
        {
            errors.Add("$", $"no JSON: {JsonErrorText.Describe(e)}");
        }
        catch (InvalidOperationException)
        {
            errors.Add("$", "a string is not valid UTF-8");
        }
    }
}
