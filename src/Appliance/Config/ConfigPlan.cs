// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Capture;

namespace Capbox.Config;

/// <summary>What a change does to the box.</summary>
public enum ConfigEffect
{
    /// <summary>New segments begin; nothing is lost.</summary>
    NewSegments,

    /// <summary>A port gets another filter while it records; nothing is lost.</summary>
    Filter,
    PortAdded,

    /// <summary>The port is closed and opened again: what passes meanwhile is not recorded.</summary>
    PortReopened,
    PortRemoved,

    /// <summary>Other rules for deleting, at once.</summary>
    Retention,

    /// <summary>The clock is begun anew: its stamps are vouched for again once it has locked.</summary>
    Clock,

    /// <summary>Broker, metrics: connections are made anew.</summary>
    Connections,

    /// <summary>The recorder ends and starts again: no port records meanwhile.</summary>
    Restart,
}

/// <summary>One effect.</summary>
/// <param name="Effect">What.</param>
/// <param name="Subject">A port, a section; empty: the box.</param>
/// <param name="Text">One line for people.</param>
public sealed record ConfigImpact(ConfigEffect Effect, string Subject, string Text);

/// <summary>What going from one document to another does, told before it is done. Pure.</summary>
public sealed record ConfigPlan(IReadOnlyList<ConfigDifference> Differences, IReadOnlyList<ConfigImpact> Impacts)
{
    /// <summary>The access to the box may change: the change is rolled back unless somebody confirms it.</summary>
    public bool TouchesAccess { get; private init; }

    /// <summary>Whether a section is another.</summary>
    public bool Touches(string section) => Touches(Differences, section);

    public bool NeedsRestart => Has(ConfigEffect.Restart);

    public bool Has(ConfigEffect effect) => Impacts.Any(i => i.Effect == effect);

    /// <summary>The longest that the box records less because of it, in words.</summary>
    public string Interruption =>
        NeedsRestart ? "all ports, until the recorder has started again"
        : Impacts.Where(i => i.Effect == ConfigEffect.PortReopened).Select(i => i.Subject).ToArray() is { Length: > 0 } ports ? $"{string.Join(", ", ports)}, until opened again"
        : "none";

    /// <param name="before">What is in force.</param>
    /// <param name="after">A good document.</param>
    public static ConfigPlan Make(ConfigResult before, ConfigResult after)
    {
        IReadOnlyList<ConfigDifference> differences = ConfigDifference.Between(before.Document, after.Document);
        List<ConfigImpact> impacts = [];
        // The revision is the store's own.
        if (differences.All(d => d.Path == "$.revision"))
            return new ConfigPlan([], []);
        bool Touches(string section) => ConfigPlan.Touches(differences, section);
        RecorderOptions a = before.Options!, b = after.Options!;
        if (RecorderChange.NeedsNewRecorder(a, b))
            impacts.Add(new ConfigImpact(ConfigEffect.Restart, "$.storage", "the recorder starts again: another archive, mode or trigger"));
        if (before.CustodyKey != after.CustodyKey)
            impacts.Add(new ConfigImpact(ConfigEffect.Restart, "$.custody", "the recorder starts again: another chain of custody"));
        Ports(a, b, impacts);
        if ((Touches("$.storage.retention") || Touches("$.storage.holdQuota")) && !RecorderChange.NeedsNewRecorder(a, b))
            impacts.Add(new ConfigImpact(ConfigEffect.Retention, "$.storage.retention", "other rules of retention at once"));
        if (Touches("$.clock"))
            impacts.Add(new ConfigImpact(ConfigEffect.Clock, "$.clock", "the clock is begun anew; nothing is claimed of stamps until it has locked"));
        // Its name at the broker too, which is the serial number where nothing else is said.
        bool isAccess = Touches("$.mqtt") || before.Mqtt != after.Mqtt;
        if (isAccess || Touches("$.metrics"))
            impacts.Add(new ConfigImpact(ConfigEffect.Connections, isAccess ? "$.mqtt" : "$.metrics", "connections are made anew"));
        impacts.Add(new ConfigImpact(ConfigEffect.NewSegments, "", "new segments begin, which tell the revision"));
        return new ConfigPlan(differences, impacts) { TouchesAccess = isAccess };
    }

    private static bool Touches(IReadOnlyList<ConfigDifference> differences, string section) =>
        differences.Any(d => d.Path == section || section.StartsWith(d.Path + ".", StringComparison.Ordinal) || d.Path.StartsWith(section + ".", StringComparison.Ordinal) || d.Path.StartsWith(section + "[", StringComparison.Ordinal));

    private static void Ports(RecorderOptions before, RecorderOptions after, List<ConfigImpact> impacts)
    {
        bool areRingsOther = RecorderChange.AreRingsOther(before.Storage, after.Storage);
        foreach (PortOptions port in before.Ports)
        {
            if (after.Ports.FirstOrDefault(p => p.Name == port.Name) is not { } next)
                impacts.Add(new ConfigImpact(ConfigEffect.PortRemoved, port.Name, $"port {port.Name} is recorded no more"));
            else if (areRingsOther || RecorderChange.NeedsOpening(port, next))
                impacts.Add(new ConfigImpact(ConfigEffect.PortReopened, port.Name, $"port {port.Name} is closed and opened again; what passes meanwhile is not recorded"));
            else if (port.Filter != next.Filter)
                impacts.Add(new ConfigImpact(ConfigEffect.Filter, port.Name, $"port {port.Name} gets its filter while it records"));
        }

        foreach (PortOptions port in after.Ports.Where(p => before.Ports.All(b => b.Name != p.Name)))
            impacts.Add(new ConfigImpact(ConfigEffect.PortAdded, port.Name, $"port {port.Name} is recorded"));
    }
}
