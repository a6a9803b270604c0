// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Capbox.Changes;
using Capbox.Commands;
using Capbox.Config;
using Capbox.Health;
using Capbox.Mqtt;
using Capbox.Packets.Capture;
using Capbox.Platform.Time;
using Microsoft.Extensions.Logging.Abstractions;

namespace Capbox.Bench;

/// <summary>
/// `Bench boxes`: many boxes in one process, at a real broker. Each has the real connection, commands and configurator of capbox with a directory of its own; SIMULATED is only what is behind them, the recorder
/// (<see cref="SimulatedRecorder"/>). Some can be told to misbehave. Ends with standard input, or by SIGTERM.
/// </summary>
internal static class BoxesCommand
{
    private const int MaxBoxes = 10_000;

    public static int Run(string[] args)
    {
        var arguments = new Arguments(args, "no-stdin");
        string host = arguments.Text("host") ?? "127.0.0.1", directory = arguments.Required("dir"), prefix = arguments.Text("prefix") ?? "SIM-";
        int port = (int)arguments.Number("port", 1883, 1, 65535), boxes = (int)arguments.Number("boxes", 20, 1, MaxBoxes);
        string telemetry = arguments.Text("telemetry") ?? "10s";
        HashSet<int> refusing = Numbers(arguments.Text("refuse")), losing = Numbers(arguments.Text("lose")), leaving = Numbers(arguments.Text("leave"));
        bool endsWithInput = !arguments.Flag("no-stdin");
        arguments.Done();
        List<SimulatedBox> fleet = [];
        try
        {
            for (int i = 1; i <= boxes; i++)
            {
                string id = prefix + i.ToString(CultureInfo.InvariantCulture);
                fleet.Add(new SimulatedBox(id, Path.Combine(directory, id), $"mqtt://{host}:{port.ToString(CultureInfo.InvariantCulture)}", telemetry)
                {
                    Fault = refusing.Contains(i) ? SimulatedFault.Refuses : losing.Contains(i) ? SimulatedFault.Loses : leaving.Contains(i) ? SimulatedFault.Leaves : SimulatedFault.None,
                });
            }

            fleet.ForEach(b => b.Start());
            // One clock for all of them: what a box tells of its process counts its threads.
            using var clock = new PeriodicTimer(TimeSpan.FromSeconds(1));
            _ = TickAsync(clock, fleet);
            while (fleet.Exists(b => !b.IsConnected))
                Thread.Sleep(20);
            Console.WriteLine("ready");
            WaitForEnd(endsWithInput);
        }
        finally
        {
            Parallel.ForEach(fleet, b => b.Dispose());
        }

        return 0;
    }

    private static async Task TickAsync(PeriodicTimer clock, List<SimulatedBox> fleet)
    {
        while (await clock.WaitForNextTickAsync())
            fleet.ForEach(b => b.Tick());
    }

    private static void WaitForEnd(bool endsWithInput)
    {
        using var end = new ManualResetEventSlim();
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            end.Set();
        });
        if (endsWithInput)
            Console.In.ReadToEnd();
        else
            end.Wait();
    }

    private static HashSet<int> Numbers(string? list) =>
        [.. (list ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries).Select(n => int.TryParse(n, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : throw new UsageException($"'{n}' is no number of a box"))];
}

/// <summary>What goes wrong with a change.</summary>
internal enum SimulatedFault
{
    None,

    /// <summary>It cannot be put in force.</summary>
    Refuses,

    /// <summary>Packets are lost from then on: the box takes it back.</summary>
    Loses,

    /// <summary>The box leaves the broker with it and does not come back.</summary>
    Leaves,
}

/// <summary>One box: what capbox has, without a recorder.</summary>
internal sealed class SimulatedBox : IDisposable
{
    private readonly ConfigStore _store;
    private readonly Configurator _configurator;
    private readonly SimulatedRecorder _recorder;
    private readonly MqttBox _shown;
    private readonly Lock _linking = new();
    private MqttLink? _link;
    private readonly MqttOptions _options;

    public SimulatedBox(string id, string directory, string broker, string telemetry)
    {
        string document = $$"""
            {"serial":"{{id}}","change":{"watch":"3s"},"mqtt":{"broker":"{{broker}}","telemetry":"{{telemetry}}"},"ports":[{"name":"eth2","filter":"udp"},{"name":"eth3"}]}
            """;
        _store = ConfigStore.Open(directory, Encoding.UTF8.GetBytes(document.Trim()));
        ConfigResult config = ConfigDocument.Parse(Encoding.UTF8.GetBytes(_store.Current.Line));
        _recorder = new SimulatedRecorder(this);
        _configurator = new Configurator(_store, new PendingChanges(_store, new SystemClocks()), config, _recorder, NullLogger.Instance);
        var commands = new CommandTable();
        commands.Add(new CommandSpec<BoxSnapshot>("status", "All counters now.", [], ControlJson.Default.BoxSnapshot), _ => _recorder.Snapshot());
        ConfigCommands.AddTo(commands, _configurator);
        _shown = new MqttBox(_recorder.Snapshot, commands, _configurator, () => id, new MqttTraffic(new BoxRun("simulated", Guid.NewGuid().ToString("N"))));
        _options = config.Mqtt!;
    }

    public SimulatedFault Fault { get; init; }

    public bool IsConnected
    {
        get
        {
            lock (_linking)
                return _link is { Snapshot.Connected: true };
        }
    }

    public void Start() => Connect(_options);

    /// <summary>A second has passed.</summary>
    public void Tick() => _configurator.Tick();

    /// <summary>Leaves the broker, and goes to one again if there is one. Returns at once, as a box does: the change that asks for it is told first.</summary>
    public void Reconnect(MqttOptions? options) => Task.Run(() =>
    {
        Thread.Sleep(500);
        Connect(options);
    });

    public void Dispose()
    {
        Connect(null);
        _configurator.Dispose();
        _store.Dispose();
    }

    private void Connect(MqttOptions? options)
    {
        lock (_linking)
        {
            _link?.Dispose();
            _link = options is null ? null : new MqttLink(options, _shown, NullLogger.Instance);
            _link?.Start();
        }
    }
}

/// <summary>SIMULATED: a recorder that records nothing, changes as it is told, and has counters.</summary>
internal sealed class SimulatedRecorder(SimulatedBox box) : IRunningBox
{
    private ulong _lost;
    private int _changes;

    public void Change(ConfigResult next, ConfigPlan plan)
    {
        bool isFirst = Interlocked.Increment(ref _changes) == 1;
        switch (box.Fault)
        {
            case SimulatedFault.Refuses:
                throw new CaptureException("this simulated box refuses");
            case SimulatedFault.Loses:
                Interlocked.Exchange(ref _lost, isFirst ? 100ul : 0);
                break;
            case SimulatedFault.Leaves:
                box.Reconnect(null);
                return;
        }

        if (plan.TouchesAccess)
            box.Reconnect(next.Mqtt);
    }

    public void Restart()
    {
    }

    public BoxSnapshot Snapshot() => new(new RecorderSnapshot
    {
        At = DateTimeOffset.UtcNow,
        Uptime = TimeSpan.FromMilliseconds(Environment.TickCount64),
        Ports = [Ledger("eth2"), Ledger("eth3")],
        Storage = new StorageSnapshot { SegmentsSealed = 0, BytesWritten = 0, WriteErrors = 0, Engine = "none", Direct = false, FreeBytes = 1L << 40, RecentlySealed = [] },
    });

    private PortLedger Ledger(string port) => new()
    {
        Port = port,
        CurrentName = port,
        State = PortState.Capturing,
        HardwareStamps = false,
        StoredPackets = 0,
        StoredBytes = 0,
        FilteredPackets = 0,
        PendingPackets = 0,
        LostRing = Interlocked.Read(ref _lost),
        LostDisk = 0,
        LostNic = 0,
        LostHost = 0,
        TruncatedPackets = 0,
        RingFreezes = 0,
        Gap = TimeSpan.Zero,
    };
}
