using System.Globalization;
using Capbox.Box;
using Capbox.Config;
using Capbox.Packets.Archive;
using Capbox.Packets.Capture;
using Capbox.Packets.Custody;
using Capbox.Platform.Time;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Capbox.Cli;

/// <summary><c>capbox run</c>: the recorder inside a slim host, which brings signals, logging and an ordered stop.</summary>
internal static class RunCommand
{
    private const int CapNetRaw = 13;

    /// <summary>Sealing waits for the disk: 10 s a ring at most, and a full archive of rings still fits.</summary>
    private static readonly TimeSpan s_stopLimit = TimeSpan.FromMinutes(15);

    public static int Run(RunArguments arguments, bool json)
    {
        if (arguments.State is not null)
            return ManagedRun.Run(arguments, json);
        List<string> errors = [];
        RecorderOptions? options = arguments.Build(errors, out ArchivistOptions archive);
        foreach (string error in errors)
            Errors.Write(error);
        if (options is null)
            return ExitCode.BadUse;
        if (!MayRecord)
            return Errors.Failed(MayNotRecord);

        RunSettings settings = new(options, archive, arguments.TryDuration(errors), json) { SealKey = arguments.SealKeyFile, Clock = arguments.Clock, Mqtt = arguments.Mqtt, Metrics = arguments.Metrics, MayReboot = arguments.MayReboot };
        try
        {
            return Host(settings);
        }
        catch (Exception e) when (e is CaptureException or CustodyException)
        {
            return Errors.Failed(e.Message);
        }
    }

    public const string MayNotRecord = "run needs root or CAP_NET_RAW to open ports; use sudo";

    public static bool MayRecord => HasCapability(CapNetRaw);

    /// <summary>Records until it is told to end.</summary>
    /// <returns>The exit code.</returns>
    /// <exception cref="CaptureException">It did not start.</exception>
    /// <exception cref="CustodyException">It did not start.</exception>
    public static int Host(RunSettings settings)
    {
        StatusScreen screen = new(Console.Error, isTerminal: !Console.IsErrorRedirected && !settings.Json);
        // The empty builder reads no settings files and no environment: capbox has one document, and starts faster.
        HostApplicationBuilder builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Logging.ClearProviders();
        builder.Logging.AddProvider(new LineLoggerProvider(screen));
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        // A start that fails is said once, below.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        builder.Services.Configure<ConsoleLifetimeOptions>(o => o.SuppressStatusMessages = true);
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = s_stopLimit);
        builder.Services.AddSingleton(settings);
        builder.Services.AddSingleton(settings.Options);
        builder.Services.AddSingleton(screen);
        builder.Services.AddSingleton(settings.Archive);
        builder.Services.AddSingleton<IClockSource, SystemClocks>();
        builder.Services.AddSingleton<Recorder>();
        builder.Services.AddSingleton<Archivist>();
        builder.Services.AddSingleton<RecorderService>();
        builder.Services.AddSingleton<CustodyService>();
        builder.Services.AddSingleton<ClockService>();
        builder.Services.AddHostedService(services => services.GetRequiredService<CustodyService>());
        builder.Services.AddHostedService(services => services.GetRequiredService<ClockService>());
        builder.Services.AddHostedService(services => services.GetRequiredService<RecorderService>());
        if (settings.Managed is { } managed)
            managed.AddTo(builder.Services);
        builder.Services.AddSingleton<RebootOrder>();
        builder.Services.AddSingleton<ControlTable>();
        builder.Services.AddSingleton<MqttService>();
        builder.Services.AddSingleton<MetricsService>();
        builder.Services.AddHostedService<ControlService>();
        builder.Services.AddHostedService(services => services.GetRequiredService<MetricsService>());
        builder.Services.AddHostedService(services => services.GetRequiredService<MqttService>());
        using IHost host = builder.Build();
        RecorderService service = host.Services.GetRequiredService<RecorderService>();
        RebootOrder order = host.Services.GetRequiredService<RebootOrder>();
        IHostApplicationLifetime lifetime = host.Services.GetRequiredService<IHostApplicationLifetime>();
        CancellationTokenRegistration asked = default;
        bool wasAsked = false; // before it had started: ports have had no time
        using CancellationTokenRegistration started = lifetime.ApplicationStarted.Register(() =>
        {
            wasAsked = settings.Managed is { Asked.IsCancellationRequested: true };
            asked = settings.Managed?.Asked.Register(lifetime.StopApplication) ?? default;
        });
        try
        {
            host.Run();
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // Asked to end before anything was started.
            return ExitCode.Good;
        }
        finally
        {
            asked.Dispose();
        }

        if (order.IsGiven)
            Reboot();
        if (settings.Managed is { MustRestart: true })
            return ExitCode.Good;
        int code = service.Report();
        return wasAsked ? ExitCode.Good : code;
    }

    /// <summary>Everything is sealed and closed.</summary>
    private static void Reboot()
    {
        try
        {
            Platform.Linux.Machine.Reboot();
        }
        catch (Exception e) when (e is IOException or System.ComponentModel.Win32Exception)
        {
            Errors.Write($"the machine was not started again: {e.Message}");
        }
    }

    /// <summary>Reads the effective capabilities of this process (proc(5)).</summary>
    private static bool HasCapability(int capability)
    {
        const string Key = "CapEff:";
        string? line = File.ReadLines("/proc/self/status").FirstOrDefault(l => l.StartsWith(Key, StringComparison.Ordinal));
        return line is not null
            && ulong.TryParse(line.AsSpan(Key.Length).Trim(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong set)
            && (set & (1ul << capability)) != 0;
    }
}

/// <summary>What the service is made with.</summary>
internal sealed record RunSettings(RecorderOptions Options, ArchivistOptions Archive, TimeSpan? Duration, bool Json)
{
    /// <summary>Private key of the chain of custody; null: none is kept.</summary>
    public string? SealKey { get; init; }

    /// <summary>The source of time; null: none.</summary>
    public Timing.ClockOptions? Clock { get; init; }

    /// <summary>Where it is reached over MQTT; null: nowhere.</summary>
    public Config.MqttOptions? Mqtt { get; init; }

    /// <summary>Where metrics are served; null: nowhere.</summary>
    public MetricsAddress? Metrics { get; init; }

    /// <summary>The document allows the command reboot.</summary>
    public bool MayReboot { get; init; }

    /// <summary>A box that keeps its configuration itself; null: one that was started with a file and stays with it.</summary>
    public ManagedBox? Managed { get; init; }
}
